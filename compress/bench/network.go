package bench

import (
	"fmt"
	"runtime"

	"espalier/compress/cost"
	"espalier/compress/prune"
	"espalier/model"
)

// networks makes the pruned and the quantized network and describes them.
func (b *bench) networks() error {
	r := &b.report
	r.Kernel, r.Algorithm = b.Kernels.Name, b.Algorithm
	r.Rows = []Row{} // [] rather than null where there are none
	r.System = runtime.GOOS + "/" + runtime.GOARCH
	if b.Network != nil {
		r.Network, r.MACs = b.Network.Name, b.Network.MACs()
	} else {
		r.Network, r.MACs = b.Quantized.Name, b.Quantized.MACs()
	}
	if b.wants(Sparse) {
		b.pruned = b.Network.Clone()
		if err := prune.Global(prune.Candidates(b.pruned), sparsityTarget); err != nil {
			return err
		}
	}
	if b.integer = b.Quantized; b.wants(Integer) && b.integer == nil {
		e := model.NewEngine(b.Kernels, b.Threads, b.Algorithm)
		defer e.Close()
		var err error
		if b.integer, err = cost.Quantized(b.Network, e); err != nil {
			return fmt.Errorf("quantizing the network to measure: %w", err)
		}
	}
	return nil
}

// input returns the shape of the images that the network takes.
func (b *bench) input() model.Shape {
	if b.Network != nil {
		return b.Network.Input().Shape
	}
	return b.Quantized.Input().Shape
}

// sparsity returns the share of a network's weights that are zero.
func sparsity(n interface{ Sparsity() (zero, total int) }) float64 {
	zero, total := n.Sparsity()
	return float64(zero) / float64(total)
}
