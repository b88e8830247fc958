package ui

import (
	"fmt"
	"regexp"
	"strings"
)

// A filter passes the texts that match a regular expression, or with a leading
// exclamation mark those that do not. The zero value passes all.
type filter struct {
	text   string
	match  *regexp.Regexp
	invert bool
}

// set takes a filter as it was typed; upper and lower case are the same. After
// an error everything passes.
func (f *filter) set(text string) error {
	*f = filter{}
	pattern, invert := strings.CutPrefix(text, "!")
	if pattern == "" {
		return nil
	}
	match, err := regexp.Compile("(?i)" + pattern)
	if err != nil {
		return fmt.Errorf("filter %q: %w; write a regular expression", pattern, err)
	}
	*f = filter{text, match, invert}
	return nil
}

func (f *filter) passes(text string) bool {
	return f.match == nil || f.match.MatchString(text) != f.invert
}

// A filterable pane shows only what passes its filter.
type filterable interface {
	filtering() *filter
	// matches returns which of how many shown rows is selected, from 0.
	matches(s *scene) (selected, n int)
	// selectMatch selects one of the shown rows.
	selectMatch(s *scene, i int)
}

func (p *logPane) filtering() *filter    { return &p.filter }
func (p *layersPane) filtering() *filter { return &p.filter }
func (p *runsPane) filtering() *filter   { return &p.filter }

// filter returns the focused pane's filter, nil where it has none.
func (a *App) filter() *filter {
	if p, ok := a.panes[a.focus].(filterable); ok {
		return p.filtering()
	}
	return nil
}

// match selects the next match of the focused pane's filter, or the previous one.
func (a *App) match(by int) {
	if p, ok := a.panes[a.focus].(filterable); ok {
		at, n := p.matches(&a.scene)
		if n > 0 {
			p.selectMatch(&a.scene, (at+by+n)%n)
			at, _ = p.matches(&a.scene)
			a.say(fmt.Sprintf("match %d of %d of /%s", at+1, n, p.filtering().text))
		}
	}
}
