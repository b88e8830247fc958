package ui

import (
	"strings"
	"testing"

	"espalier/compress/pipeline"
	"espalier/ui/internal/sample"
)

// slicing is a run whose second round removed channels.
func slicing() *sample.Source {
	journal := during(2, 10).Since(0, 1<<30)
	last := journal[len(journal)-1]
	layers := journal[0].Body.(pipeline.RunStarted).Layers
	journal = append(journal, pipeline.Event{Seq: last.Seq + 1, Time: last.Time, Body: pipeline.Sliced{
		Round: 2, MACsBefore: 40_813_184, MACs: 27_722_208, ParametersBefore: 272_474, Parameters: 144_826, Weights: 143_440, Layers: layers,
		Groups: []pipeline.GroupInfo{
			{Name: layers[0].Name, Layers: []string{layers[0].Name, layers[2].Name}, Before: 16, Kept: 16, Ties: []string{"layer1.0 adds layer1.0.bn2 and relu"}},
			{Name: layers[1].Name, Layers: []string{layers[1].Name}, Before: 64, Kept: 16},
		},
	}})
	src := sample.NewSource(journal)
	src.Tell(len(journal))
	return src
}

// TestGroupsOfChannels shows the groups of a round that removed channels, on
// screens of all sizes, and finds them in the export.
func TestGroupsOfChannels(t *testing.T) {
	for _, size := range [][2]int{{60, 16}, {80, 24}, {120, 40}, {200, 60}} {
		a := newTestApp(t, slicing(), size[0], size[1])
		press(a, "2", "z")
		if before := a.View(); strings.Contains(before, "channels of round 2") {
			t.Errorf("%v: groups are shown before they are asked for", size)
		}
		press(a, ",", "j")
		view := a.View()
		for _, want := range []string{"channels of round 2", "16/16", "16/64", "40.8M → 27.7M MACs"} {
			if !strings.Contains(view, want) {
				t.Errorf("%v: the screen lacks %q:\n%s", size, want, view)
			}
		}
		if size[0] >= 120 && !strings.Contains(view, "layer1.0 adds layer1.0.bn2 and") {
			t.Errorf("%v: nothing says what ties channels:\n%s", size, view)
		}
		if row := rowOf(view, "16/64"); !strings.Contains(row, "▸") {
			t.Errorf("%v: the second group is not selected: %q", size, row)
		}
		if full, part := strings.Count(rowOf(view, "16/16"), "█"), strings.Count(rowOf(view, "16/64"), "█"); full < 4*part || part == 0 && size[0] >= 80 {
			t.Errorf("%v: bars of %d and %d cells for 16 of 16 and 16 of 64", size, full, part)
		}
		press(a, "k")
		if view := a.View(); size[0] >= 120 && !strings.Contains(view, "16 of 16 channels stayed") {
			t.Errorf("%v: the readout lacks the group:\n%s", size, view)
		}
		table := a.layers.data(&a.scene)
		if len(table.rows) != 2 || table.rows[1][3] != 64 || table.rows[1][4] != 16 {
			t.Errorf("exported %v", table.rows)
		}
		press(a, "s", "/", "t")
		if a.layers.order != byDepth || a.overlay != overlayNone || len(a.home.src.(*sample.Source).Sent()) > 0 {
			t.Errorf("%v: keys of the layers work in the groups", size)
		}
		for _, leave := range []string{",", "esc"} {
			if press(a, leave); strings.Contains(a.View(), "channels of round 2") {
				t.Errorf("%v: %s does not leave the groups", size, leave)
			}
			press(a, ",")
		}
	}
}
