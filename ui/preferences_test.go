package ui

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"

	"espalier/ui/theme"
)

// screenWith opens a screen that remembers in a file.
func screenWith(t *testing.T, path string, o Options) *App {
	t.Helper()
	o.Preferences = path
	a, err := newApp(context.Background(), during(2, 10), o, lipgloss.NewRenderer(io.Discard), func() time.Time { return testTime })
	if err != nil {
		t.Fatal(err)
	}
	a.Update(tea.WindowSizeMsg{Width: 120, Height: 36})
	return a
}

func TestWhatWasChosenIsRemembered(t *testing.T) {
	t.Setenv("COLORFGBG", "")
	path := filepath.Join(t.TempDir(), "espalier", "screen.yaml")
	a := screenWith(t, path, Options{})
	if err := a.remember(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a file is written though nothing was chosen")
	}
	press(a, "T", "#", "S", ")", "B", "M")
	if err := a.remember(); err != nil {
		t.Fatal(err)
	}
	b := screenWith(t, path, Options{})
	if b.mode != theme.Light || b.scene.tier != theme.Lines || b.loss.smoothing != a.loss.smoothing || b.split != a.split || !b.bell || !b.mouseOff {
		t.Errorf("%v, %v, smoothing %d, %+v, bell %v, no mouse %v are remembered", b.mode, b.scene.tier, b.loss.smoothing, b.split, b.bell, b.mouseOff)
	}
	c := screenWith(t, path, Options{Theme: "dark", Glyphs: "ascii"})
	if c.mode != theme.Dark || c.scene.tier != theme.ASCII {
		t.Errorf("flags do not win: %v, %v", c.mode, c.scene.tier)
	}
	press(c, "B")
	if err := c.remember(); err != nil {
		t.Fatal(err)
	}
	if d := screenWith(t, path, Options{}); d.mode != theme.Light || d.scene.tier != theme.Lines || d.bell {
		t.Errorf("a flag was remembered, or a choice was not: %v, %v, bell %v", d.mode, d.scene.tier, d.bell)
	}
}

func TestDamagedPreferencesDoNoHarm(t *testing.T) {
	t.Setenv("COLORFGBG", "")
	for document, told := range map[string]bool{
		"\x00\xff{{": true, "theme: [dark": true, "column: wide": true,
		"theme: purple\nglyphs: runes\nsmoothing: 7\ncolumn: -3\ncharts: 100000\n": false,
		"": false, "unknown: 3\n": false,
	} {
		path := filepath.Join(t.TempDir(), "screen.yaml")
		if err := os.WriteFile(path, []byte(document), 0o644); err != nil {
			t.Fatal(err)
		}
		a := screenWith(t, path, Options{})
		pull(a)
		if a.crash != nil || a.mode != theme.Dark || a.scene.tier != theme.Braille || a.split != (split{}) {
			t.Errorf("%q: crash %v, %v, %v, %+v", document, a.crash, a.mode, a.scene.tier, a.split)
		}
		if got := strings.Contains(allText(a), "are not used"); got != told {
			t.Errorf("%q: told %v, want %v", document, got, told)
		}
		press(a, "T")
		if err := a.remember(); err != nil {
			t.Errorf("%q: %v", document, err)
		}
		if b := screenWith(t, path, Options{}); b.mode != theme.Light {
			t.Errorf("%q: the file is not mended", document)
		}
	}
	a := screenWith(t, filepath.Join(t.TempDir(), "missing", "screen.yaml"), Options{})
	a.options.Preferences = filepath.Join(os.DevNull, "screen.yaml") // no folder
	press(a, "T")
	if err := a.remember(); err == nil {
		t.Error("no error says that nothing could be remembered")
	}
}

// allText returns the whole log.
func allText(a *App) string {
	var text strings.Builder
	for _, l := range a.scene.run.Log.Lines() {
		text.WriteString(l.Text + "\n")
	}
	return text.String()
}
