package bench

import (
	"fmt"
	"math/rand/v2"
	"runtime"

	"espalier/compress/prune"
	"espalier/compress/quantize"
	"espalier/dataset"
	"espalier/model"
)

// calibrationImages are enough, since accuracy does not matter here.
const calibrationImages = 32

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
		if err := prune.Global(prune.Candidates(b.pruned), SparsityTarget); err != nil {
			return err
		}
	}
	if b.integer = b.Quantized; b.wants(Integer) && b.integer == nil {
		var err error
		if b.integer, err = b.quantize(); err != nil {
			return fmt.Errorf("quantizing the network to measure: %w", err)
		}
	}
	return nil
}

// quantize calibrates on random images: scales do not change the speed.
func (b *bench) quantize() (*quantize.Network, error) {
	e := model.NewEngine(b.Kernels, b.Threads, b.Algorithm)
	defer e.Close()
	recipe, err := quantize.RecipeNamed("")
	if err != nil {
		return nil, err
	}
	x := b.randomImages(calibrationImages)
	image := b.images().Len()
	load := func(first, n int) ([]float32, error) { return x[first*image : (first+n)*image], nil }
	v := model.NewEvaluator(b.Network, e, quantize.CalibrationBatch)
	var n *quantize.Network
	err = quantize.Calibrate(v, e, recipe.Observers(b.Network), recipe.Observer, load, []int{calibrationImages}, func(c *quantize.Calibration) (err error) {
		n, err = quantize.Build(b.Network, c, recipe)
		return err
	})
	return n, err
}

// images returns the shape of the images that the network takes.
func (b *bench) images() dataset.Shape {
	var in model.Shape
	if b.Network != nil {
		in = b.Network.Input().Shape
	} else {
		in = b.Quantized.Input().Shape
	}
	return dataset.Shape{H: in.H, W: in.W, C: in.C}
}

// randomImages draws n images [n][c][h][w] as normalised ones are
// distributed: mean 0, deviation 1.
func (b *bench) randomImages(n int) []float32 {
	random := rand.New(rand.NewPCG(1, 0))
	x := make([]float32, n*b.images().Len())
	for i := range x {
		x[i] = float32(random.NormFloat64())
	}
	return x
}

// sparsity returns the share of a network's weights that are zero.
func sparsity(n interface{ Sparsity() (zero, total int) }) float64 {
	zero, total := n.Sparsity()
	return float64(zero) / float64(total)
}
