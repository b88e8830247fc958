package model

import (
	"math"
	"math/rand/v2"
)

// Init draws weights as He et al. 2015 (arXiv 1502.01852, equation 10) for
// ReLU networks: normal with standard deviation √(2/fan-in), linear layers
// uniform in ±1/√fan-in as PyTorch's Linear. Biases of convolutions are zero, and
// batch norm starts as identity. The same seed gives the same weights, layer by
// layer.
func (g *Graph) Init(seed uint64) {
	for i, l := range g.Layers() {
		random := rand.New(rand.NewPCG(seed, uint64(i)))
		bound := 1 / math.Sqrt(float64(l.Fan()))
		if _, ok := l.Op.(Linear); ok {
			for j := range l.Weight {
				l.Weight[j] = float32((2*random.Float64() - 1) * bound)
			}
			for j := range l.Bias {
				l.Bias[j] = float32((2*random.Float64() - 1) * bound)
			}
			continue
		}
		for j := range l.Weight {
			l.Weight[j] = float32(random.NormFloat64() * math.Sqrt2 * bound)
		}
		clear(l.Bias)
	}
	for _, n := range g.Nodes {
		if _, ok := n.Op.(BatchNorm); ok {
			for j := range n.Weight {
				n.Weight[j], n.Bias[j], n.Mean[j], n.Var[j] = 1, 0, 0, 1
			}
		}
	}
}
