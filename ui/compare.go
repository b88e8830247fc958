package ui

import (
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"

	"espalier/configs"
	"espalier/ui/grid"
	"espalier/ui/state"
	"espalier/ui/theme"
)

// A setting is one value of an experiment: prune.targets, seed.
type setting struct{ key, value string }

// settingsOf lists an experiment's values in the order of its document.
func settingsOf(e configs.Experiment) []setting {
	document, err := e.YAML()
	if err != nil {
		return nil
	}
	var tree yaml.MapSlice
	if err := yaml.UnmarshalWithOptions(document, &tree, yaml.UseOrderedMap()); err != nil {
		return nil
	}
	return flatten(nil, "", tree)
}

func flatten(all []setting, prefix string, tree yaml.MapSlice) []setting {
	for _, item := range tree {
		key := prefix + fmt.Sprint(item.Key)
		if branch, ok := item.Value.(yaml.MapSlice); ok {
			all = flatten(all, key+".", branch)
			continue
		}
		all = append(all, setting{key, strings.Trim(fmt.Sprint(item.Value), "[]")})
	}
	return all
}

// A comparison is the table of what differs between runs: a row for each
// result, and for each setting that is not the same everywhere.
type comparison struct {
	contenders []contender
	differing  [][]string // a setting's key, then its value in each run
}

func newComparison(contenders []contender) *comparison {
	c := &comparison{contenders: contenders}
	seen := map[string]bool{}
	for _, with := range contenders {
		for _, s := range with.settings {
			if seen[s.key] {
				continue
			}
			seen[s.key] = true
			line, differs := []string{s.key}, false
			for i, other := range contenders {
				line = append(line, other.setting(s.key))
				differs = differs || line[i+1] != line[1]
			}
			if differs {
				c.differing = append(c.differing, line)
			}
		}
	}
	return c
}

// setting returns the value of a setting, or "–" if it is not known.
func (c contender) setting(key string) string {
	for _, s := range c.settings {
		if s.key == key {
			return s.value
		}
	}
	return "–"
}

// results returns the rows of results: a label, then a value for each run.
func (c *comparison) results() [][]string {
	rows := [][]string{{"state"}, {"step"}, {"dense top-1"}, {"rounds"}, {"zero"}, {"top-1"}, {"int8 top-1"}, {"int8 size"}, {"took"}}
	for _, with := range c.contenders {
		for i, value := range with.results() {
			rows[i] = append(rows[i], value)
		}
	}
	return rows
}

// results returns what a run reached so far, in the order of the comparison's
// rows.
func (c contender) results() []string {
	r := c.run
	const none = "–"
	dense, zero, top1, int8, size := none, none, none, none, none
	if r.Dense != nil {
		dense = fmt.Sprintf("%.2f", 100*r.Dense.Top1)
	}
	if census, ok := r.Census(state.Now); ok {
		zero = fmt.Sprintf("%.2f%%", 100*census.Sparsity.Sparsity)
	}
	passed := 0
	for _, round := range r.Rounds {
		if round.Done != nil && round.Done.Passed {
			passed++
			top1 = fmt.Sprintf("%.2f", 100*round.Done.Top1)
		}
	}
	if q := r.Quantized; q != nil {
		int8, size = fmt.Sprintf("%.2f", 100*q.Top1), state.Bytes(q.Int8Bytes)
	}
	took := duration(r.Latest.Sub(r.Started).Seconds())
	if r.Result != nil {
		if r.Result.Top1 > 0 {
			zero, top1 = fmt.Sprintf("%.2f%%", 100*r.Result.Sparsity), fmt.Sprintf("%.2f", 100*r.Result.Top1)
		}
		took = duration(r.Result.Seconds)
	}
	return []string{c.stands.String(), fmt.Sprint(r.Step.GlobalStep), dense, fmt.Sprintf("%d of %d", passed, r.RoundCount()), zero, top1, int8, size, took}
}

// lines returns how many rows the table has.
func (c *comparison) lines() int { return 1 + len(c.results()) + 1 + max(len(c.differing), 1) }

// draw draws the table from row first on.
func (c *comparison) draw(g *grid.Grid, r grid.Rect, first int) {
	label := min(26, r.W*3/10)
	column := max((r.W-2-label)/len(c.contenders), 1)
	y := -first
	put := func(style grid.Style, cells []string, styleOf func(i int) grid.Style) {
		if y >= 0 && y < r.H {
			x := r.X + 1
			room := label - 1
			if len(cells) == 1 {
				room = r.W - 2
			}
			g.Text(x, r.Y+y, cells[0], style, room)
			for i, cell := range cells[1:] {
				g.Text(x+label+i*column, r.Y+y, cell, styleOf(i), column-1)
			}
		}
		y++
	}
	names := []string{"run"}
	for _, with := range c.contenders {
		names = append(names, with.name)
	}
	put(theme.Muted, names, contenderStyle)
	for _, row := range c.results() {
		put(theme.Muted, row, func(int) grid.Style { return theme.Strong })
	}
	if len(c.differing) == 0 {
		put(theme.Muted, []string{""}, nil)
		put(theme.Muted, []string{"no setting differs"}, nil)
		return
	}
	put(theme.Muted, []string{"settings that differ"}, nil)
	for _, row := range c.differing {
		put(theme.Muted, row, func(int) grid.Style { return theme.Plain })
	}
}

// contenderStyle returns the style of a run's name and curves: the shown run's
// is that of its loss.
func contenderStyle(i int) grid.Style {
	return [...]grid.Style{theme.Series1, theme.Series3, theme.Series4, theme.Warn}[i%mostCompared]
}
