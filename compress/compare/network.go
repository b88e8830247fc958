package compare

import (
	"fmt"

	"espalier/compress/quantize"
	"espalier/model"
	"espalier/model/kernel"
)

// A Network shows its activations, point by point in forward order, for images
// x [n][3][32][32]. Points that only a network in integers has codes for, have
// none of a float network.
type Network interface {
	Observe(x []float32, see func(quantize.Activation))
}

// Batch is how many images a Float can observe at a time.
const Batch = 16

// Float observes a network in float32.
func Float(n *model.Graph, e *model.Engine) Network {
	f := &float{evaluator: model.NewEvaluator(n, e, Batch), shapes: map[string]kernel.Map{}}
	for _, u := range n.Units() {
		s := u.Shape()
		f.shapes[u.Name()] = kernel.Map{C: s.C, H: s.H, W: s.W}
	}
	return f
}

type float struct {
	evaluator *model.Evaluator
	shapes    map[string]kernel.Map // of an image, by point
}

func (f *float) Observe(x []float32, see func(quantize.Activation)) {
	f.evaluator.Observe(x, func(point string, rows model.Rows) {
		m, ok := f.shapes[point]
		if !ok {
			panic(fmt.Sprintf("compare: no shape of point %s", point))
		}
		see(quantize.Activation{Point: point, C: m.C, H: m.H, W: m.W, Values: planar(m, rows)})
	})
}

// planar brings an activation's rows to [n][C][H][W]. A map's rows hold 16
// channels of one row of pixels, [W][16], and come by image, by block of
// channels, and by row; what has no such blocks comes as it is to be.
func planar(m kernel.Map, rows model.Rows) []float32 {
	var all []float32
	for row := range rows {
		all = append(all, row...)
	}
	if m.C%kernel.Lanes != 0 || m.H == 1 {
		return all
	}
	values := make([]float32, len(all))
	i := 0
	for plane := 0; plane < len(all); plane += kernel.Lanes * m.H * m.W {
		for pixel := range m.H * m.W {
			for lane := range kernel.Lanes {
				values[plane+lane*m.H*m.W+pixel] = all[i]
				i++
			}
		}
	}
	return values
}
