package cli

import (
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// screen is where results are printed, with what it can do: tables ask it how wide it is, and whether it has colours.
type screen struct {
	io.Writer
	// width is that of the terminal in columns, 0 where there is none: then nothing is wrapped and left out.
	width  int
	colour bool
}

// wrap breaks a text into lines that fit.
func (s *screen) wrap(text string) string {
	if s.width == 0 {
		return printable(text, false)
	}
	return strings.Join(wrapped(printable(text, false), s.width), "\n")
}

// The values of --color.
const (
	colourAuto   = "auto"
	colourAlways = "always"
	colourNever  = "never"
)

// screenOf is what out can do. mode is the word of --color: auto goes by the terminal and by the environment.
func screenOf(out io.Writer, mode string) *screen {
	s := &screen{Writer: out}
	if w, ok := out.(*screen); ok {
		s.Writer, s.width = w.Writer, w.width
	}
	fd, tty := terminalOf(s.Writer)
	if tty {
		if w, _, err := term.GetSize(fd); err == nil && w > 0 {
			s.width = w
		}
	}
	switch mode {
	case colourAlways:
		s.colour = true
	case colourNever:
	default:
		s.colour = tty && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	}
	return s
}

// terminalOf finds the terminal behind a writer or a reader.
func terminalOf(v any) (fd int, ok bool) {
	if s, is := v.(*screen); is {
		v = s.Writer
	}
	f, is := v.(*os.File)
	if !is {
		return 0, false
	}
	return int(f.Fd()), term.IsTerminal(int(f.Fd()))
}

// colourFlag adds --color.
func (c *command) colourFlag(root *cobra.Command) {
	root.PersistentFlags().StringVar(&c.mode, "color", colourAuto, "colour state words: auto (on a terminal), always or never")
	choose(root, "color", colourAuto, colourAlways, colourNever)
}

// colour reports whether the output is a terminal that wants colours.
func (c *command) colour() bool { return screenOf(c.out, c.mode).colour }
