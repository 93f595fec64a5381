package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"
)

// gap is between two columns.
const gap = 2

// table prints rows in columns that align. What stands in a cell comes from clients and their APIs, so nothing in it can break the table
// or speak to the terminal. On a terminal a table keeps to its width: long cells are wrapped, then the columns named by spare are left
// out, and if that is not enough each row becomes a block of lines. Where there is no terminal each row is one line, whatever it takes.
type table struct {
	*rows
}

type rows struct {
	out    *screen
	header []string
	cells  [][]cell
	// spares are the columns that are left out first, lines how many lines a cell may take, hint what says where the rest is.
	spares []string
	lines  int
	hint   string
}

// cell is a text with its meaning, which on a terminal is a colour.
type cell struct {
	text string
	mood mood
}

func newTable(out io.Writer, header ...any) table {
	s, ok := out.(*screen)
	if !ok {
		s = &screen{Writer: out}
	}
	t := table{&rows{out: s}}
	for _, h := range header {
		t.header = append(t.header, fmt.Sprint(h))
	}
	return t
}

// spare names columns that a narrow terminal can do without, the first to go first.
func (t table) spare(columns ...string) table {
	t.spares = columns
	return t
}

// brief has cells take n lines at most; hint says where what is cut off can be read.
func (t table) brief(n int, hint string) table {
	t.lines, t.hint = n, hint
	return t
}

func (t table) row(texts ...any) {
	line := make([]cell, len(texts))
	for i, v := range texts {
		c, ok := v.(cell)
		if !ok {
			c.text = fmt.Sprint(v)
		}
		if c.text = printable(c.text, false); c.text == "" {
			c.text, c.mood = "-", plain
		}
		line[i] = c
	}
	t.cells = append(t.cells, line)
}

// flush prints the table.
func (t table) flush() error {
	var b strings.Builder
	left := t.narrow()
	widths := t.widths()
	most := t.out.width
	cutOff := false
	switch {
	case most == 0 || fit(widths, t.wraps(widths), gap, most):
		cutOff = t.print(&b, widths)
	case len(t.header) > 0:
		t.blocks(&b)
		left = nil
	default:
		cutOff = t.print(&b, widths)
	}
	if len(left) > 0 {
		fmt.Fprintf(&b, "%s\n", strings.Join(wrapped("(left out for want of room: "+strings.Join(left, ", ")+"; a wider terminal has them, and -o yaml)", most), "\n"))
	}
	if cutOff && t.hint != "" {
		fmt.Fprintf(&b, "%s\n", strings.Join(wrapped("(what ends in … is cut; in whole: "+t.hint+")", most), "\n"))
	}
	_, err := io.WriteString(t.out, b.String())
	return err
}

// widths are what the columns would like to have.
func (t table) widths() []int {
	out := make([]int, len(t.header))
	for i, h := range t.header {
		out[i] = cells(h)
	}
	for _, line := range t.cells {
		for i, c := range line {
			if i == len(out) {
				out = append(out, 0)
			}
			out[i] = max(out[i], cells(c.text))
		}
	}
	return out
}

// wraps tells which columns may be made narrower: those with a text of several words. Ids and times stay in one piece, to be copied.
func (t table) wraps(widths []int) []bool {
	out := make([]bool, len(widths))
	for _, line := range t.cells {
		for i, c := range line {
			if cells(c.text) > 24 && strings.Contains(c.text, " ") {
				out[i] = true
			}
		}
	}
	return out
}

// narrow removes columns until the rest can be made to fit, and returns their names.
func (t table) narrow() (left []string) {
	if t.out.width == 0 {
		return nil
	}
	for _, name := range t.spares {
		w := t.widths()
		if fit(w, t.wraps(w), gap, t.out.width) {
			return left
		}
		i := slices.Index(t.header, name)
		if i < 0 {
			continue
		}
		if !slices.ContainsFunc(t.cells, func(l []cell) bool { return i < len(l) && l[i].text != "-" }) {
			name = "" // nothing is in it
		}
		t.header = slices.Delete(t.header, i, i+1)
		for j := range t.cells {
			t.cells[j] = slices.Delete(t.cells[j], i, i+1)
		}
		if name != "" {
			left = append(left, name)
		}
	}
	return left
}

// print writes the rows below each other and reports whether something had to be cut off.
func (t table) print(b *strings.Builder, widths []int) (cutOff bool) {
	if len(t.header) > 0 {
		line := make([]cell, len(t.header))
		for i, h := range t.header {
			line[i] = cell{h, heading}
		}
		t.line(b, line, widths, 0)
	}
	for _, l := range t.cells {
		cutOff = t.line(b, l, widths, t.lines) || cutOff
	}
	return cutOff
}

// line writes one row, in as many lines as its longest cell needs but at most so many.
func (t table) line(b *strings.Builder, row []cell, widths []int, most int) (cutOff bool) {
	parts := make([][]string, len(row))
	high := 1
	for i, c := range row {
		parts[i] = []string{c.text}
		if t.out.width > 0 {
			parts[i] = wrapped(c.text, widths[i])
		}
		if most > 0 && len(parts[i]) > most {
			last := strings.Join(parts[i][most-1:], " ")
			parts[i] = append(parts[i][:most-1], shortened(last, widths[i]))
			cutOff = true
		}
		high = max(high, len(parts[i]))
	}
	for n := range high {
		last := 0
		for i := range row {
			if n < len(parts[i]) && parts[i][n] != "" {
				last = i
			}
		}
		for i := range last + 1 {
			text := ""
			if n < len(parts[i]) {
				text = parts[i][n]
			}
			b.WriteString(row[i].mood.paint(text, t.out.colour))
			if i < last {
				b.WriteString(strings.Repeat(" ", max(widths[i]-cells(text), 0)+gap))
			}
		}
		b.WriteByte('\n')
	}
	return cutOff
}

// blocks writes each row as lines of a name and a value, for terminals on which no row fits.
func (t table) blocks(b *strings.Builder) {
	wide := 0
	for _, h := range t.header {
		wide = max(wide, cells(h))
	}
	for i, row := range t.cells {
		if i > 0 {
			b.WriteByte('\n')
		}
		for j, c := range row {
			if c.text == "-" {
				continue
			}
			for n, part := range wrapped(c.text, max(t.out.width-wide-gap, 20)) {
				name := ""
				if n == 0 {
					name = t.header[j]
				}
				b.WriteString(heading.paint(name, t.out.colour) + strings.Repeat(" ", wide+gap-cells(name)) + c.mood.paint(part, t.out.colour) + "\n")
			}
		}
	}
}

// printable is s without control characters; line feeds may stay.
func printable(s string, lines bool) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' && lines:
			return r
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r):
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// cut shortens s to n characters.
func cut(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

// moment is a time as tables show it; all in UTC, since the sites are in different zones.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

func momentOf(t *time.Time) string {
	if t == nil {
		return ""
	}
	return moment(*t)
}

// seconds is a span of time as tables show it.
func seconds(s float64) string {
	d := time.Duration(s * float64(time.Second))
	switch {
	case s <= 0:
		return ""
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	case d >= 24*time.Hour:
		return fmt.Sprintf("%dd%dh", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
	}
	return d.Round(time.Second).String()
}

// plural is "1 fault", "2 faults", "3 deliveries".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if stem, ok := strings.CutSuffix(noun, "ry"); ok {
		return fmt.Sprint(n, " ", stem, "ries")
	}
	return fmt.Sprint(n, " ", noun, "s")
}
