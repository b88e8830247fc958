package model

import (
	"math"
	"math/rand/v2"
)

// Init draws weights as He et al. 2015 (arXiv 1502.01852, equation 10) for
// ReLU networks: normal with standard deviation √(2/fan-in), the classifier
// uniform in ±1/√fan-in as PyTorch's Linear. Batch norm starts as identity.
// The same seed gives the same weights, layer by layer.
func (n *Network) Init(seed uint64) {
	for i, l := range n.Layers() {
		random := rand.New(rand.NewPCG(seed, uint64(i)))
		bound := 1 / math.Sqrt(float64(l.Fan()))
		if l.Kind == LinearKind {
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
		for j := range l.Norm.Gamma {
			l.Norm.Gamma[j], l.Norm.Beta[j] = 1, 0
			l.Norm.Mean[j], l.Norm.Var[j] = 0, 1
		}
	}
}

// Init draws weights as Network.Init does, convolutions as for ReLU and linear
// layers as PyTorch's Linear; biases of convolutions are zero.
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
