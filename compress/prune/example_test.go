package prune_test

import (
	"fmt"

	"espalier/compress/prune"
	"espalier/model"
)

// Ninety percent of the candidates' weights become zero; the first and the last
// layer are left alone at this target.
func ExampleMagnitude() {
	g, err := model.ResNet(model.Arch{Depth: 20, Shortcut: model.Projection, Classes: 10})
	if err != nil {
		panic(err)
	}
	g.Init(1)
	if err := prune.Magnitude(g, 0.9, prune.Edges{Share: 0.3, Until: 0.6}); err != nil {
		panic(err)
	}
	s := prune.Measure(g)
	fmt.Printf("%d of %d weights are zero\n", s.Zero, s.Total)
	// Output: 242842 of 270896 weights are zero
}
