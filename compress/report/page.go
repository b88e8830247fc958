package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"

	"espalier/compress/pipeline"
)

// A page is what a report shows. Every text is escaped when it is written; only
// charts and drawings are markup, and they escape their own.
type page struct {
	Title, Lead string
	Status      *status
	Facts       []fact
	Sections    []section
	Footer      string
}

// A status says how a run stands.
type status struct{ Class, Text, About string }

// A fact is a number that matters most.
type fact struct{ Name, Value, Note string }

// A section has any of these; an empty one is left out.
type section struct {
	ID, Title string
	Text      []string
	Charts    []template.HTML
	Tables    []table
	Drawing   template.HTML
	Drawn     string // what the drawing is of
	Large     bool   // the drawing is folded away
	Pre       string
}

func (s section) empty() bool {
	return len(s.Text)+len(s.Tables)+len(s.Drawing)+len(s.Pre)+len(s.Charts) == 0
}

// A table has a row of heads; Fold hides it behind these words.
type table struct {
	Head []cell
	Rows [][]cell
	Fold string
}

type cell struct{ Text, Class string }

// widen gives sentences in a table room to stand in few lines.
func (t table) widen() {
	const words = 40
	for _, row := range t.Rows {
		for i := range row {
			if len(row[i].Text) > words && row[i].Class != "r" && len(t.Head) > 0 {
				row[i].Class = strings.TrimSpace(row[i].Class + " long")
			}
		}
	}
}

// left and right are cells of words and of numbers.
func left(text string) cell { return cell{Text: text} }

func right(format string, values ...any) cell {
	return cell{fmt.Sprintf(format, values...), "r"}
}

// heads returns a table's first row; those that begin with > are numbers.
func heads(names ...string) []cell {
	var all []cell
	for _, n := range names {
		if text, ok := strings.CutPrefix(n, ">"); ok {
			all = append(all, cell{text, "r"})
		} else {
			all = append(all, left(n))
		}
	}
	return all
}

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

// write writes the page with the sections that say something.
func (p page) write(w io.Writer) error {
	var told []section
	for _, s := range p.Sections {
		for _, t := range s.Tables {
			t.widen()
		}
		for i := 0; i < len(s.Charts); i++ {
			if s.Charts[i] == "" {
				s.Charts = append(s.Charts[:i], s.Charts[i+1:]...)
				i--
			}
		}
		if !s.empty() {
			told = append(told, s)
		}
	}
	p.Sections = told
	return pageTemplate.Execute(w, p)
}

// kilobytes writes a size in kB, 1000 bytes each.
func kilobytes(bytes int64) string { return fmt.Sprintf("%.1f", float64(bytes)/1e3) }

// axisNamed returns the cost of that name.
func axisNamed(name string) pipeline.Axis {
	for _, a := range pipeline.Axes() {
		if a.Name == name {
			return a
		}
	}
	panic("report: no axis " + name)
}
