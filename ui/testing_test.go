package ui

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"
	"github.com/mattn/go-runewidth"
	"github.com/muesli/termenv"

	"espalier/compress/pipeline"
	"espalier/configs"
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
	a.options.Runs, a.runs.known = testShelf(), true
	listings, _ := a.options.Runs.List()
	a.Update(listedMsg{listings: listings})
	a.Update(tea.WindowSizeMsg{Width: width, Height: height})
	pull(a)
	return a
}

// A shelf is a folder of invented runs.
type shelf map[string][]pipeline.Event

// testShelf holds the sample's run, and one that ended after two rounds and
// learned less.
func testShelf() shelf {
	journal := sample.Journal()
	first := journal[0].Body.(pipeline.RunStarted)
	var other []pipeline.Event
	for _, e := range journal {
		switch b := e.Body.(type) {
		case pipeline.RunStarted:
			b.Name, b.Seed = "quick-other", 8
			e.Body = b
		case pipeline.StepDone:
			b.Loss += 0.5
			e.Body = b
		case pipeline.RoundStarted:
			if b.Round == 3 {
				e.Body = pipeline.RunDone{Status: pipeline.StatusStopped, Reason: "by hand", Seconds: 60}
				return shelf{first.Name: journal, "quick-other": append(other, e)}
			}
		}
		other = append(other, e)
	}
	return nil
}

func (s shelf) List() ([]pipeline.Listing, error) {
	var all []pipeline.Listing
	for _, name := range slices.Sorted(maps.Keys(s)) {
		l := pipeline.Listing{Folder: pipeline.Folder(name), Status: pipeline.StatusDone}
		for _, e := range s[name] {
			l.State.Apply(e)
		}
		l.Status = l.State.Done.Status
		all = append(all, l)
	}
	return all, nil
}

func (s shelf) Open(f pipeline.Folder) (OpenRun, error) {
	journal, ok := s[f.Name()]
	if !ok {
		return nil, errors.New("there is no such run")
	}
	return opened{sample.Finished(journal)}, nil
}

func (s shelf) Experiment(f pipeline.Folder) (configs.Experiment, error) {
	e, err := configs.Load("quick", nil)
	if f.Name() == "quick-other" {
		e.Seed, e.FineTune.LearningRate = 8, 0.5
	}
	return e, err
}

type opened struct{ *sample.Source }

func (opened) Close() error { return nil }

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
		events := a.shown.src.Since(a.scene.run.Seq, batch)
		a.Update(eventsMsg{view: a.shown, events: events})
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
