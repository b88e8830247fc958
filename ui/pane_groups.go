package ui

import (
	"fmt"
	"strings"

	"espalier/compress/pipeline"
	"espalier/ui/grid"
	"espalier/ui/state"
	"espalier/ui/theme"
)

// The layers pane has a second view once a round has removed channels: a row for
// every group of channels that only go together.

// slice returns the newest round that removed channels at or before the cursor.
func (p *layersPane) slice(s *scene) (pipeline.Sliced, bool) {
	slice, ok := s.run.Slice(s.asOf())
	return slice, ok && p.groups
}

// drawGroups draws how many channels of each group stayed, and what ties it.
func (p *layersPane) drawGroups(s *scene, g *grid.Grid, r grid.Rect, focused bool, slice pipeline.Sliced) {
	inside := box(g, r, focused, []piece{{0, "2 Layers"}, {theme.Strong, fmt.Sprintf("channels of round %d", slice.Round)}},
		fmt.Sprintf("%s → %s MACs", count(float64(slice.MACsBefore)), count(float64(slice.MACs))))
	body := inside
	if inside.H > 4 {
		var foot grid.Rect
		foot, body = inside.Bottom(1)
		row(g, foot, 0).skip(1).put(theme.Muted, "parameters ").put(theme.Strong, count(float64(slice.ParametersBefore))+" → "+count(float64(slice.Parameters)))
	}
	p.body = body
	n := len(slice.Groups)
	p.group = min(max(p.group, 0), n-1)
	p.first = window(p.first, p.group, n, body.H)
	beyond(g, r, p.first, body.H, n)
	for i := range min(body.H, n-p.first) {
		p.groupRow(g, body.Row(i), slice.Groups[p.first+i], p.first+i == p.group, focused)
	}
}

// groupRow draws a group's name, its share of channels as a bar, their number, and
// the first of the nodes that tie it, as far as there is room.
func (p *layersPane) groupRow(g *grid.Grid, r grid.Rect, group pipeline.GroupInfo, selected, focused bool) {
	const name, numbers = 7, 9
	w := row(g, r, 0)
	style := theme.Plain
	if selected {
		w.put(theme.Focus, "▸")
		if style = theme.Strong; focused {
			style = theme.Focus
		}
	} else {
		w.skip(1)
	}
	w.put(style, state.Fitting(fmt.Sprintf("%-*s", name, state.Short(group.Name)), name)).skip(1)
	width := r.W - 1 - name - 1 - numbers
	tie := 0
	if width >= 40 {
		tie = width * 2 / 3
		width -= tie
	}
	share := float64(group.Kept) / float64(group.Before)
	if width > 1 {
		bar(g, w.x, w.y, width-1, share, 0, theme.Bar)
		w.skip(width)
	}
	w.putf(theme.Strong, "%4d", group.Kept).putf(theme.Muted, "/%-4d", group.Before)
	if tie > 0 && len(group.Ties) > 0 {
		w.put(theme.Muted, state.Fitting(group.Ties[0], tie))
	}
}

// readGroup tells the selected group in full: its layers and all that ties it.
func (p *layersPane) readGroup(w *pen, slice pipeline.Sliced) {
	if p.group >= len(slice.Groups) {
		return
	}
	group := slice.Groups[p.group]
	w.put(theme.Strong, group.Name).putf(theme.Plain, "  %d of %d channels stayed", group.Kept, group.Before)
	if len(group.Layers) > 1 {
		w.put(theme.Muted, "  of ").put(theme.Plain, strings.Join(group.Layers, ", "))
	}
	for _, tie := range group.Ties {
		w.fact("  tied: ", theme.Muted, tie)
	}
}

// groupData has all groups of the newest round that removed channels.
func groupData(slice pipeline.Sliced) table {
	t := table{columns: []string{"round", "group", "layers", "channels", "kept", "ties"}}
	for _, g := range slice.Groups {
		t.add(slice.Round, g.Name, strings.Join(g.Layers, " "), g.Before, g.Kept, strings.Join(g.Ties, "; "))
	}
	return t
}
