package ui

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/goccy/go-yaml"

	"espalier/internal/atomicfile"
	"espalier/ui/state"
	"espalier/ui/theme"
)

// preferences are what the screen remembers from one time to the next. A field
// that was never chosen is nil, and the screen's own choice holds.
type preferences struct {
	Theme     *string  `yaml:"theme,omitempty"`     // dark or light
	Glyphs    *string  `yaml:"glyphs,omitempty"`    // braille, lines or ascii
	Mouse     *bool    `yaml:"mouse,omitempty"`     // clicks and the wheel are the screen's
	Bell      *bool    `yaml:"bell,omitempty"`      // rings when something ends unseen
	Smoothing *float64 `yaml:"smoothing,omitempty"` // of the loss: 0, 0.6, 0.9 or 0.99
	// Where the borders between panes are, in thousandths of what they divide:
	// the charts' width, the loss's and the layers' height.
	Column *int `yaml:"column,omitempty"`
	Charts *int `yaml:"charts,omitempty"`
	Layers *int `yaml:"layers,omitempty"`
}

// readPreferences reads a file of preferences. One that is missing holds none.
func readPreferences(path string) (preferences, error) {
	var p preferences
	document, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) || path == "" {
		return p, nil
	}
	if err == nil {
		err = yaml.Unmarshal(document, &p)
	}
	if err != nil {
		return preferences{}, fmt.Errorf("the preferences in %s are not used: %w", path, err)
	}
	return p, nil
}

// settle drops what is not valid, so that a damaged file does no harm.
func (p *preferences) settle() {
	if p.Theme != nil && *p.Theme != string(theme.Dark) && *p.Theme != string(theme.Light) {
		p.Theme = nil
	}
	if p.Glyphs != nil && !validTier(*p.Glyphs) {
		p.Glyphs = nil
	}
	if p.Smoothing != nil && smoothingOf(*p.Smoothing) < 0 {
		p.Smoothing = nil
	}
	for _, part := range []**int{&p.Column, &p.Charts, &p.Layers} {
		if *part != nil && (**part < 1 || **part > 999) {
			*part = nil
		}
	}
}

func validTier(name string) bool {
	return slices.Contains(theme.Tiers(), theme.Tier(name))
}

// smoothingOf returns the index of a smoothing factor, −1 for one that the
// screen does not have.
func smoothingOf(factor float64) int {
	for i, f := range smoothings {
		if f == factor {
			return i
		}
	}
	return -1
}

// recall reads the preferences and uses those that no flag overrides. One that
// cannot be read is told in the log.
func (a *App) recall() {
	p, err := readPreferences(a.options.Preferences)
	if err != nil {
		a.home.run.Log.Add(state.Line{Time: a.scene.now, Level: "warn", Text: err.Error()})
	}
	p.settle()
	if p.Theme != nil && (a.options.Theme == "" || a.options.Theme == "auto") {
		a.setMode(theme.Mode(*p.Theme))
	}
	if p.Glyphs != nil && a.options.automatic() && !asciiOnly(os.Getenv) {
		a.setTier(theme.Tier(*p.Glyphs))
	}
	if p.Mouse != nil {
		a.mouseOff = a.mouseOff || !*p.Mouse
	}
	if p.Bell != nil {
		a.bell = a.bell || *p.Bell
	}
	if p.Smoothing != nil {
		a.loss.smoothing = smoothingOf(*p.Smoothing)
	}
	for part, value := range map[*int]*int{&a.split.column: p.Column, &a.split.charts: p.Charts, &a.split.layers: p.Layers} {
		if value != nil {
			*part = *value
		}
	}
	a.begun = a.chosen()
}

// chosen returns what could be remembered of the screen as it is.
func (a *App) chosen() preferences {
	mode, tier, mouse, bell, smoothing := string(a.mode), string(a.scene.tier), !a.mouseOff, a.bell, smoothings[a.loss.smoothing]
	split := a.split
	return preferences{&mode, &tier, &mouse, &bell, &smoothing, &split.column, &split.charts, &split.layers}
}

// remember writes what was chosen on the screen to the file of preferences;
// what others wrote there meanwhile, or flags chose, stays as it is.
func (a *App) remember() error {
	path := a.options.Preferences
	if path == "" {
		return nil
	}
	now := a.chosen()
	p, _ := readPreferences(path) // a damaged one is replaced
	p.settle()
	before := p
	keep(&p.Theme, a.begun.Theme, now.Theme)
	keep(&p.Glyphs, a.begun.Glyphs, now.Glyphs)
	keep(&p.Mouse, a.begun.Mouse, now.Mouse)
	keep(&p.Bell, a.begun.Bell, now.Bell)
	keep(&p.Smoothing, a.begun.Smoothing, now.Smoothing)
	keep(&p.Column, a.begun.Column, now.Column)
	keep(&p.Charts, a.begun.Charts, now.Charts)
	keep(&p.Layers, a.begun.Layers, now.Layers)
	if p == before {
		return nil
	}
	document, err := yaml.Marshal(p)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o755)
	}
	if err == nil {
		err = atomicfile.Write(path, func(w io.Writer) error {
			_, err := w.Write(document)
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("remembering the screen's settings: %w", err)
	}
	return nil
}

// keep takes over a value that was changed.
func keep[T comparable](field **T, before, now *T) {
	if *before != *now {
		*field = now
	}
}
