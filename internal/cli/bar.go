package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/term"
)

// bar shows on standard error how far something is: one line that changes on a terminal, else a line now and then, and nothing where the
// result is for programs.
type bar struct {
	out io.Writer
	// width is that of the terminal, 0 where there is none.
	width  int
	silent bool
	wide   int // the columns of the last line
	// at is when a line was written, began when the first one was.
	at, began time.Time
}

// barPause is the time between two lines where there is no terminal.
const barPause = 5 * time.Second

func (c *command) bar() *bar {
	b := &bar{out: c.err, at: time.Now(), began: time.Now(), silent: c.output == asJSON}
	if fd, tty := terminalOf(c.err); tty {
		b.width = 80
		if w, _, err := term.GetSize(fd); err == nil && w > 0 {
			b.width = w
		}
	}
	return b
}

func (b *bar) show(line string) {
	line = printable(line, false)
	switch {
	case b.silent:
	case b.width > 0:
		line = shortened(line, b.width-1) // a line that wraps cannot be written over
		fmt.Fprintf(b.out, "\r%s%s", line, strings.Repeat(" ", max(b.wide-cells(line), 0)))
		b.wide = cells(line)
	case time.Since(b.at) >= barPause:
		fmt.Fprintln(b.out, line)
		b.at = time.Now()
	}
}

// end leaves the line.
func (b *bar) end() {
	if b.wide > 0 {
		fmt.Fprintln(b.out)
	}
}

// part is the beginning of a line about something of which is known how much it is.
func (b *bar) part(n, of int) string {
	return fmt.Sprintf("%s %3d %%  %d of %d", gauge(n, of), min(n, of)*100/max(of, 1), n, of)
}

// left is how long the rest will take if it goes on like this; "" before that can be told.
func (b *bar) left(n, of int) string {
	spent := time.Since(b.began)
	if n <= 0 || n >= of || spent < time.Second {
		return ""
	}
	return ", " + time.Duration(float64(spent)*float64(of-n)/float64(n)).Round(time.Second).String() + " left"
}

// pace is how many there were in a second.
func (b *bar) pace(n int, noun string) string {
	spent := time.Since(b.began)
	if n <= 0 || spent < time.Second {
		return ""
	}
	return fmt.Sprintf(", %.0f %s/s for %s", float64(n)/spent.Seconds(), noun, spent.Round(time.Second))
}

// gauge is a bar of characters.
func gauge(n, of int) string {
	const wide = 24
	full := min(n*wide/max(of, 1), wide)
	return "[" + strings.Repeat("=", full) + strings.Repeat(" ", wide-full) + "]"
}
