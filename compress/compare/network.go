package compare

import (
	"fmt"

	"espalier/compress/quantize"
	"espalier/model"
	"espalier/model/kernel"
)

// A Network shows its activations, point by point in forward order, for images
// x [n][c][h][w]. Activations of a network in float32 have no codes.
type Network interface {
	Observe(x []float32, see func(quantize.Activation))
}

// Batch is how many images a Float can observe at a time.
const Batch = 16

// Float observes a network in float32.
func Float(n *model.Graph, e *model.Engine) Network {
	f := &float{evaluator: model.NewEvaluator(n, e, Batch), shapes: map[string]kernel.Map{}, optional: map[string]bool{}, input: n.Input().Name}
	for _, m := range n.Nodes {
		f.shapes[m.Name] = kernel.Map{C: m.Shape.C, H: m.Shape.H, W: m.Shape.W}
	}
	for _, u := range n.Units() {
		f.optional[u.Name()] = u.Act != nil && u.Act.Op != (model.ReLU{})
	}
	return f
}

type float struct {
	evaluator *model.Evaluator
	shapes    map[string]kernel.Map // of an image, by point
	optional  map[string]bool       // points before activations
	input     string
}

func (f *float) Observe(x []float32, see func(quantize.Activation)) {
	f.evaluator.Observe(x, func(point string, rows model.Rows) {
		m, ok := f.shapes[point]
		if !ok {
			panic(fmt.Sprintf("compare: no shape of point %s", point))
		}
		see(quantize.Activation{Point: point, C: m.C, H: m.H, W: m.W, Values: planar(point == f.input, m, rows), Optional: f.optional[point]})
	})
}

// planar brings an activation's rows to [n][C][H][W] (see model.Rows). Images
// and vectors are in that order already.
func planar(image bool, m kernel.Map, rows model.Rows) []float32 {
	var all []float32
	for row := range rows {
		all = append(all, row...)
	}
	if m.H*m.W == 1 || image {
		return all
	}
	values, at := make([]float32, len(all)), 0
	pixels := m.H * m.W
	for image := 0; image < len(all); image += m.C * pixels {
		for c := 0; c < m.C; c += kernel.Lanes {
			lanes := min(kernel.Lanes, m.C-c)
			for pixel := range pixels {
				for lane := range lanes {
					values[image+(c+lane)*pixels+pixel] = all[at]
					at++
				}
			}
		}
	}
	return values
}
