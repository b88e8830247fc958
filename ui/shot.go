package ui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"

	"espalier/compress/pipeline"
	"espalier/ui/grid"
	"espalier/ui/picture"
	"espalier/ui/theme"
)

// A Shot is the screen drawn without a terminal.
type Shot struct {
	grid  *grid.Grid
	mode  theme.Mode
	tier  theme.Tier
	title string
}

// ShotOptions say what a Shot shows.
type ShotOptions struct {
	Width, Height int      // cells
	Pane          string   // that has the focus, by name; empty: the first
	Step          int      // show the run as it was after this global step; 0: as it is now
	Keys          []string // pressed before, named as in the help
}

// Draw draws the screen of a run without a terminal. The run is not steered,
// whatever the keys.
func Draw(src pipeline.Source, o Options, shot ShotOptions) (*Shot, error) {
	var now time.Time
	a, err := newApp(context.Background(), deaf{src, o.Computed == nil || o.Computed() || shot.Step > 0}, o, lipgloss.NewRenderer(io.Discard), func() time.Time { return now })
	if err != nil {
		return nil, err
	}
	a.readUntil(shot.Step)
	a.scene.dead = a.home.dead()
	now = a.scene.run.Latest // so that a run looks the same whenever it is drawn
	a.scene.now, a.scene.heard, a.home.heard = now, now, now
	if a.scene.run.Events == 0 {
		return nil, errors.New("the run has no events yet: wait for its first step")
	}
	if o.Runs != nil {
		listings, err := o.Runs.List()
		a.runs.reached(listedMsg{listings, err}, now)
	}
	a.take(tea.WindowSizeMsg{Width: shot.Width, Height: shot.Height})
	if shot.Pane != "" {
		i := slices.IndexFunc(a.panes, func(p pane) bool { return strings.EqualFold(p.name(), shot.Pane) })
		if i < 0 {
			return nil, fmt.Errorf("there is no pane %q: use one of %s", shot.Pane, strings.ToLower(strings.Join(a.paneNames(), ", ")))
		}
		a.setFocus(paneID(i))
	}
	if err := a.pressAll(shot.Keys); err != nil {
		return nil, err
	}
	return a.shot(true), nil
}

// readUntil folds what the source has, up to a global step if one is given.
func (a *App) readUntil(step int) {
	run := a.scene.run
	for {
		events := a.home.src.Since(run.Seq, batch)
		for _, e := range events {
			if done, ok := e.Body.(pipeline.StepDone); ok && step > 0 && done.GlobalStep > step {
				return
			}
			run.Apply(e)
		}
		if len(events) < batch {
			return
		}
	}
}

// pressAll presses keys. One that does nothing where it is pressed is an error.
func (a *App) pressAll(keys []string) error {
	for _, key := range keys {
		if key == "space" {
			key = " "
		}
		bound := func(b binding) bool { return slices.Contains(b.keys, key) && b.works(a, a.focus) }
		if a.overlay == overlayNone && !slices.ContainsFunc(a.table, bound) {
			return fmt.Errorf("the key %q does nothing in the pane %s: see the help, ?", key, a.panes[a.focus].name())
		}
		exports := a.overlay == overlayExport // a picture writes no other files
		if cmd := a.key(key, tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(key)}); !exports {
			a.settle(tea.Batch(cmd, a.look()))
		}
		a.build() // moving by cells and pages reads what was drawn
	}
	return nil
}

// settle does what keys asked for, such as reading another run, at once.
func (a *App) settle(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	switch msg := cmd().(type) {
	case tea.BatchMsg:
		for _, c := range msg {
			a.settle(c)
		}
	case openedMsg:
		a.settle(a.opened(msg))
	case playedMsg:
		a.settle(a.played(msg))
	case comparedMsg:
		a.compared(msg)
	case closeupMsg:
		a.take(msg)
	case eventsMsg:
		if next := a.events(msg); len(msg.events) == batch {
			a.settle(next)
		}
	}
}

// shot draws the screen anew, with overlays and messages or without.
func (a *App) shot(whole bool) *Shot {
	overlay, said := a.overlay, a.said
	if !whole {
		a.overlay, a.said = overlayNone, ""
	}
	s := &Shot{grid: grid.New(a.width, a.height), mode: a.mode, tier: a.scene.tier}
	s.grid.Spell = a.grid.Spell
	a.paint(s.grid)
	a.overlay, a.said = overlay, said
	s.title = fmt.Sprintf("Espalier: %s of run %s at step %d", a.panes[a.focus].name(), a.scene.run.Info.Name, a.shownStep())
	return s
}

func (a *App) paneNames() []string {
	var names []string
	for _, p := range a.panes {
		names = append(names, p.name())
	}
	return names
}

// Text returns the screen as lines of text.
func (s *Shot) Text() string {
	lines := strings.Split(s.grid.Render(grid.Palette{Rune: s.tier.Fold()}), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ")
	}
	return strings.Join(lines, "\n") + "\n"
}

// SVG writes the screen as a picture that scales.
func (s *Shot) SVG(w io.Writer) error { return picture.SVG(w, s.grid, s.mode, s.title) }

// PNG writes the screen as a picture of pixels.
func (s *Shot) PNG(w io.Writer) error { return picture.PNG(w, s.grid, s.mode) }

// A deaf source takes no commands. A run that no process computes any more is drawn
// as dead, unless an earlier step is shown.
type deaf struct {
	pipeline.Source
	computed bool
}

func (d deaf) Follows() bool             { return d.computed }
func (deaf) Lost() <-chan struct{}       { return nil }
func (deaf) Send(pipeline.Command) error { return errors.New("a picture does not steer the run") }
