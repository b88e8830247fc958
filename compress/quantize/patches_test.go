package quantize

import (
	"math"
	"testing"

	"espalier/model"
	float64s "espalier/model/reference"
)

// TestPatches compares the outputs that patches give with the reference's.
func TestPatches(t *testing.T) {
	g := separable(t, model.ReLU{})
	f := g.ForInference()
	x := normals(2*3*64, 9)
	values := float64s.From(f).Values(2, wideOf(x))
	for name, input := range map[string]string{"expand": "input", "depthwise": "expand.act", "fc": "flatten"} {
		n := f.Node(name)
		p := newPatcher(n.Op, n.Inputs[0].Shape, n.Shape)
		outs := n.Shape.C / p.groups
		size := n.Shape.H * n.Shape.W
		for group := range p.groups {
			at := 0
			p.each(narrow(values[input]), group, 1<<30, func(patch []float32) {
				for k := group * outs; k < (group+1)*outs; k++ {
					y := float64(n.Bias[k])
					for i, v := range patch {
						y += float64(v) * float64(n.Weight[k*p.fan+i])
					}
					if want := values[name][at/size*n.Shape.Len()+k*size+at%size]; math.Abs(y-want) > 1e-4*(1+math.Abs(want)) {
						t.Fatalf("%s: output %d of channel %d is %g, want %g", name, at, k, y, want)
					}
				}
				at++
			})
		}
	}
}
