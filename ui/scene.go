package ui

import (
	"slices"
	"time"

	"espalier/compress/pipeline"
	"espalier/ui/chart"
	"espalier/ui/grid"
	"espalier/ui/state"
	"espalier/ui/theme"
)

// A scene is what all panes look at: the run, and what is selected. A selection
// lives here when more than one pane follows it: the step under the cursor moves
// charts, layers, scales and log alike.
type scene struct {
	run    *state.Run
	now    time.Time
	heard  time.Time // when the newest events arrived
	dead   bool      // the process that computed the run is gone before its end
	share  float64   // of the events there are, how much was read; 0 when all
	tier   theme.Tier
	canvas chart.Canvas

	player *player     // replays the run, nil where it is not replayed
	others []contender // compared with the run

	cursorOn bool
	cursor   float64 // global step under the cursor

	layer    int // selected, an index into run.Info.Layers
	channel  int // selected, an output channel of the layer
	images   int // selected calibration size; 0: none chosen yet
	observer int // selected, an index into run.Observers

	send func(pipeline.Command)
	open func(paneID) // moves the focus
}

// A pane is one view of the run. Its rectangle includes its border.
type pane interface {
	name() string
	// draw draws the pane into a rectangle.
	draw(s *scene, g *grid.Grid, r grid.Rect, focused bool)
	// move moves the selection by steps to the right and down.
	move(s *scene, dx, dy int)
	// enter goes deeper into what is selected.
	enter(s *scene)
	// readout writes the values of what is selected into one line.
	readout(s *scene, p *pen)
	// about explains the pane in a few sentences.
	about() string
	// data returns all that the pane shows a part of, for export.
	data(s *scene) table
}

// steerable reports whether the run can be asked for something.
func (s *scene) steerable() bool { return !s.run.Status.Over() && s.player == nil }

// asOf returns the global step that panes show: the cursor's, or the newest.
func (s *scene) asOf() int {
	if s.cursorOn {
		return int(s.cursor)
	}
	return state.Now
}

// selectedLayer returns the selected layer; ok is false before any is known.
func (s *scene) selectedLayer() (pipeline.LayerInfo, bool) {
	n := len(s.run.Info.Layers)
	if n == 0 {
		return pipeline.LayerInfo{}, false
	}
	s.layer = min(max(s.layer, 0), n-1)
	return s.run.Info.Layers[s.layer], true
}

// selectLayer selects the layer of that name, if there is one.
func (s *scene) selectLayer(name string) bool {
	i := slices.IndexFunc(s.run.Info.Layers, func(l pipeline.LayerInfo) bool { return l.Name == name })
	if i < 0 {
		return false
	}
	s.layer, s.channel = i, 0
	return true
}

// inspect shows the selected layer's scales and asks a run in progress for its
// present ones.
func (s *scene) inspect() {
	layer, ok := s.selectedLayer()
	if !ok {
		return
	}
	s.open(paneScales)
	_, known := s.run.Scales(layer.Name, state.Now)
	if s.steerable() || !known {
		s.send(pipeline.Command{Do: pipeline.Inspect, Layer: layer.Name})
	}
}

// selectedSize returns the selected calibration size: the one chosen, or the
// largest measured, or the first planned; 0 when there are none.
func (s *scene) selectedSize() int {
	sizes := s.run.Sizes()
	if len(sizes) == 0 {
		return 0
	}
	if s.images == 0 {
		best := sizes[0]
		for _, p := range s.run.Points {
			best = max(best, p.Images)
		}
		return best
	}
	i, found := slices.BinarySearch(sizes, s.images)
	if !found {
		i = min(i, len(sizes)-1)
	}
	return sizes[i]
}

// moveSize selects the calibration size n places further.
func (s *scene) moveSize(n int) {
	sizes := s.run.Sizes()
	if i, found := slices.BinarySearch(sizes, s.selectedSize()); found {
		s.images = sizes[min(max(i+n, 0), len(sizes)-1)]
	}
}

// selectedObserver returns the observer to measure with; empty when the run
// names none.
func (s *scene) selectedObserver() string {
	names := s.run.Observers()
	if len(names) == 0 {
		return ""
	}
	return names[s.observer%len(names)]
}

// measure asks for the selected calibration size.
func (s *scene) measure() {
	if size := s.selectedSize(); size > 0 {
		s.send(pipeline.Command{Do: pipeline.Calibrate, Images: size, Observer: s.selectedObserver()})
	}
}
