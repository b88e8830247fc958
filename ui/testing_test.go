package ui

import (
	"context"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"
	"github.com/mattn/go-runewidth"
	"github.com/muesli/termenv"

	"espalier/compress/pipeline"
	"espalier/ui/grid"
	"espalier/ui/internal/sample"
	"espalier/ui/theme"
)

// testTime is what the clock of a screen under test shows.
var testTime = time.Date(2026, 11, 2, 14, 5, 0, 0, time.UTC)

// newTestApp returns a screen of a size that shows all that src has told, as
// plain text.
func newTestApp(t testing.TB, src pipeline.Source, width, height int) *App {
	t.Helper()
	r := lipgloss.NewRenderer(&strings.Builder{})
	r.SetColorProfile(termenv.Ascii)
	a, err := newApp(context.Background(), src, Options{Theme: "dark"}, r, func() time.Time { return testTime })
	if err != nil {
		t.Fatal(err)
	}
	plain(a)
	a.Update(tea.WindowSizeMsg{Width: width, Height: height})
	pull(a)
	return a
}

// plain makes the screen write no escape sequences.
func plain(a *App) { a.palette = grid.Palette{Rune: a.scene.tier.Fold()} }

// useTier draws with another set of glyphs.
func useTier(a *App, t theme.Tier) {
	a.setTier(t)
	plain(a)
	a.stale = true
	a.Update(nil)
}

// pull hands the screen all events that its source has told.
func pull(a *App) {
	for {
		events := a.src.Since(a.scene.run.Seq, batch)
		a.Update(eventsMsg(events))
		if len(events) < batch {
			return
		}
	}
}

// press sends keys one by one, pulling events after each.
func press(a *App, keys ...string) (last tea.Cmd) {
	for _, k := range keys {
		_, last = a.Update(keyMsg(k))
		pull(a)
	}
	return last
}

// keyMsg returns the message of a key as the table of bindings names it.
func keyMsg(key string) tea.KeyMsg {
	for kind := tea.KeyType(-200); kind < 200; kind++ {
		if m := (tea.KeyMsg{Type: kind}); kind != tea.KeyRunes && m.String() == key {
			return m
		}
	}
	return tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(key)}
}

// during returns a source in the middle of fine-tuning a round.
func during(round, step int) *sample.Source {
	src := sample.NewSource(sample.Journal())
	src.TellUntil(func(e pipeline.Event) bool {
		b, ok := e.Body.(pipeline.StepDone)
		return ok && b.Round == round && b.Step == step
	})
	return src
}

// checkSize fails unless a frame has exactly width by height cells.
func checkSize(t interface {
	Helper()
	Fatalf(string, ...any)
}, frame string, width, height int) {
	t.Helper()
	lines := strings.Split(frame, "\n")
	if len(lines) != height {
		t.Fatalf("%d rows, want %d", len(lines), height)
	}
	measure := &runewidth.Condition{}
	for i, line := range lines {
		n := 0
		for _, r := range line {
			n += measure.RuneWidth(r)
		}
		if n != width {
			t.Fatalf("row %d has %d columns, want %d: %q", i, n, width, line)
		}
	}
}
