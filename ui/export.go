package ui

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"espalier/ui/grid"
	"espalier/ui/state"
	"espalier/ui/theme"
)

// A format is one way to export what is on the screen.
type format struct {
	key, name, extension, what string
	data                       bool // the pane's numbers; otherwise the screen
}

func formats() []format {
	return []format{
		{"c", "CSV", "csv", "the pane's numbers, one row a line", true},
		{"j", "JSON", "json", "the same, one object a row", true},
		{"t", "text", "txt", "the screen as it is now", false},
		{"s", "SVG", "svg", "the screen as a vector picture", false},
		{"p", "PNG", "png", "the screen as a bitmap", false},
	}
}

// saySaved is how long the path of an export stays in the readout row.
const saySaved = 12 * time.Second

// exportedMsg tells where an export was written, or why it was not.
type exportedMsg struct {
	path string
	err  error
}

// exportKey chooses a format.
func (a *App) exportKey(key string) tea.Cmd {
	a.overlay = overlayNone
	for _, f := range formats() {
		if f.key == key {
			return a.export(f)
		}
	}
	return nil
}

// exportAs exports in the format of that name.
func (a *App) exportAs(name string) (tea.Cmd, error) {
	var names []string
	for _, f := range formats() {
		if strings.EqualFold(name, f.name) || name == f.extension {
			return a.export(f), nil
		}
		names = append(names, strings.ToLower(f.name))
	}
	return nil, fmt.Errorf("export %q: use one of %s", name, strings.Join(names, ", "))
}

// export takes what is shown now and returns the command that writes it.
func (a *App) export(f format) tea.Cmd {
	write := a.screenAs(f)
	if f.data {
		t := a.panes[a.focus].data(&a.scene)
		if len(t.rows) == 0 {
			a.say(fmt.Sprintf("the pane %s has no numbers to export yet", a.panes[a.focus].name()))
			return nil
		}
		write = t.csv
		if f.extension == "json" {
			write = t.json
		}
	}
	name := fmt.Sprintf("%s-%s-step%d", a.scene.run.Info.Name, strings.ToLower(a.panes[a.focus].name()), a.shownStep())
	folder := a.options.ExportFolder
	return guard(func() tea.Msg {
		path, err := writeNew(folder, strings.Trim(name, "-"), f.extension, write)
		return exportedMsg{path, err}
	})
}

// screenAs returns the writer of the screen in a format, without overlays.
func (a *App) screenAs(f format) func(io.Writer) error {
	shot := a.shot(false)
	switch f.extension {
	case "svg":
		return shot.SVG
	case "png":
		return shot.PNG
	}
	return func(w io.Writer) error {
		_, err := io.WriteString(w, shot.Text())
		return err
	}
}

// shownStep returns the global step that the screen shows.
func (a *App) shownStep() int {
	if a.scene.cursorOn {
		return int(a.scene.cursor)
	}
	return a.scene.run.Step.GlobalStep
}

// exported tells where the file is; the log keeps it.
func (a *App) exported(msg exportedMsg) {
	level, text := "info", "written to "+msg.path
	if msg.err != nil {
		level, text = "warn", msg.err.Error()
	}
	a.scene.run.Log.Add(state.Line{Time: a.scene.now, Level: level, Text: text, Step: a.scene.run.Step.GlobalStep})
	a.say(text)
	a.saidUntil = a.scene.now.Add(saySaved)
}

// writeNew writes a file that did not exist: name.extension in folder, or
// name-2.extension and so on.
func writeNew(folder, name, extension string, write func(io.Writer) error) (string, error) {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return "", fmt.Errorf("export: %w", err)
	}
	var file *os.File
	for n, path := 2, name; ; n++ {
		file, err = os.OpenFile(filepath.Join(folder, path+"."+extension), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if !errors.Is(err, os.ErrExist) {
			break
		}
		path = fmt.Sprintf("%s-%d", name, n)
	}
	if err != nil {
		return "", fmt.Errorf("export: %w; start the program in a folder that you may write to", err)
	}
	if err := errors.Join(write(file), file.Close()); err != nil {
		_ = os.Remove(file.Name()) // half a file is worse than none
		return "", fmt.Errorf("export to %s: %w", file.Name(), err)
	}
	return file.Name(), nil
}

// drawExport draws the choice of formats.
func (a *App) drawExport(g *grid.Grid) {
	r := g.Bounds().Centre(58, len(formats())+4)
	g.Fill(r, ' ', 0)
	inside := box(g, r, true, []piece{{0, "Export"}}, strings.ToLower(a.panes[a.focus].name())+" · esc closes")
	for i, f := range formats() {
		row(g, inside, i+1).skip(2).putf(theme.Key, "%-3s", f.key).putf(theme.Strong, "%-6s", f.name).put(theme.Plain, f.what)
	}
}
