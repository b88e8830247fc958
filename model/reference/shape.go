package reference

import "espalier/model"

// concatForward joins values of n images, of so many values each, image by image.
func concatForward(n int, lengths []int, x [][]float64) []float64 {
	var y []float64
	for i := range n {
		for j, l := range lengths {
			y = append(y, x[j][i*l:][:l]...)
		}
	}
	return y
}

// concatBackward takes the gradient apart again.
func concatBackward(n int, lengths []int, dy []float64) [][]float64 {
	dx := make([][]float64, len(lengths))
	for range n {
		for j, l := range lengths {
			dx[j], dy = append(dx[j], dy[:l]...), dy[l:]
		}
	}
	return dx
}

// padForward returns every Stride-th pixel of x, between Before and After
// channels of zeros.
func padForward(op model.PadShortcut, n int, in, out model.Shape, x []float64) []float64 {
	y := make([]float64, n*out.Len())
	padShortcut(op, n, in, out, func(to, from int) { y[to] = x[from] })
	return y
}

// padBackward returns the gradient of padForward's x.
func padBackward(op model.PadShortcut, n int, in, out model.Shape, dy []float64) []float64 {
	dx := make([]float64, n*in.Len())
	padShortcut(op, n, in, out, func(to, from int) { dx[from] = dy[to] })
	return dx
}

func padShortcut(op model.PadShortcut, n int, in, out model.Shape, visit func(to, from int)) {
	for i := range n {
		for c := range in.C {
			for y := range out.H {
				for x := range out.W {
					visit(((i*out.C+c+op.Before)*out.H+y)*out.W+x, ((i*in.C+c)*in.H+y*op.Stride)*in.W+x*op.Stride)
				}
			}
		}
	}
}
