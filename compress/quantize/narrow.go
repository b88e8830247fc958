package quantize

import (
	"fmt"

	"espalier/model"
)

// narrowed returns a copy of a graph in which layers that want activations of
// fewer than 8 bits read them behind a Quantize node of so many. What others
// read, as the sum behind a shortcut, keeps 8 bits. Layers that read one value
// share the node of each width.
func (r Recipe) narrowed(g *model.Graph) *model.Graph {
	if len(r.Widths) == 0 {
		return g
	}
	f := g.Clone()
	type reading struct {
		of   *model.Node
		bits int
	}
	nodes := map[reading]*model.Node{}
	var all []*model.Node
	for _, n := range f.Nodes {
		if bits := r.width(n.Name).Activations; n.IsLayer() && bits < 8 {
			in := reading{n.Inputs[0], bits}
			if nodes[in] == nil {
				nodes[in] = &model.Node{
					Name: fmt.Sprintf("%s.%dbit", in.of.Name, bits), Op: model.Quantize{Bits: bits},
					Inputs: []*model.Node{in.of}, Shape: in.of.Shape,
				}
				all = append(all, nodes[in])
			}
			n.Inputs[0] = nodes[in]
		}
		all = append(all, n)
	}
	f.Nodes = all
	return f
}
