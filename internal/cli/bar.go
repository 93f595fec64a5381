package cli

import (
	"fmt"
	"io"
	"time"
	"unicode/utf8"
)

// bar shows on standard error how far something is: one line that changes on a terminal, else a line now and then.
type bar struct {
	out      io.Writer
	terminal bool
	last     string
	at       time.Time
}

// barPause is the time between two lines where there is no terminal.
const barPause = 5 * time.Second

func (c *command) bar() *bar {
	_, tty := terminalOf(c.err)
	return &bar{out: c.err, at: time.Now(), terminal: tty}
}

func (b *bar) show(line string) {
	line = printable(line, false)
	switch {
	case b.terminal:
		pad := max(utf8.RuneCountInString(b.last)-utf8.RuneCountInString(line), 0)
		fmt.Fprintf(b.out, "\r%s%*s", line, pad, "")
		b.last = line
	case time.Since(b.at) >= barPause:
		fmt.Fprintln(b.out, line)
		b.at = time.Now()
	}
}

// end leaves the line.
func (b *bar) end() {
	if b.terminal && b.last != "" {
		fmt.Fprintln(b.out)
	}
}
