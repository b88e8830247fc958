package quantize

import "espalier/model"

// What a layer computes of its inputs is a product of its weights with patches: for
// each output pixel, and each group of channels, the values below the kernel, laid
// out as one output channel's weights [in/groups][kh][kw], zeros outside the map.

// A patcher cuts a layer's inputs into patches.
type patcher struct {
	in, out                     model.Shape
	kernel, stride, groups, fan int
	padding                     model.Padding
}

func newPatcher(op model.Op, in, out model.Shape) patcher {
	switch op := op.(type) {
	case model.Conv:
		return patcher{in, out, op.Kernel, op.Stride, op.Groups, in.C / op.Groups * op.Kernel * op.Kernel, op.Padding}
	}
	return patcher{in: in, out: out, kernel: 1, stride: 1, groups: 1, fan: in.Len()}
}

// cut writes the patch of one group at output pixel y, x of an image [c][h][w].
func (p patcher) cut(patch, image []float32, group, y, x int) {
	if p.in.IsVector() || p.out.IsVector() && p.in.H == 1 && p.in.W == 1 {
		if p.kernel == 1 {
			copy(patch, image[group*p.fan:][:p.fan])
			return
		}
	}
	channels := p.in.C / p.groups
	i := 0
	for c := group * channels; c < (group+1)*channels; c++ {
		for ky := range p.kernel {
			iy := y*p.stride + ky - p.padding.Top
			for kx := range p.kernel {
				ix := x*p.stride + kx - p.padding.Left
				patch[i] = 0
				if iy >= 0 && iy < p.in.H && ix >= 0 && ix < p.in.W {
					patch[i] = image[(c*p.in.H+iy)*p.in.W+ix]
				}
				i++
			}
		}
	}
}

// each calls do with every patch of one group of n images x [n][c][h][w], or with
// most of them where there are more: at equal distances.
func (p patcher) each(x []float32, group, most int, do func(patch []float32)) {
	size := p.out.H * p.out.W
	all := len(x) / p.in.Len() * size
	count := min(all, most)
	patch := make([]float32, p.fan)
	for k := range count {
		at := k * all / count
		image := x[at/size*p.in.Len():][:p.in.Len()]
		p.cut(patch, image, group, at%size/p.out.W, at%p.out.W)
		do(patch)
	}
}

// means returns the mean patch of each group, [groups][fan], over all pixels.
func (p patcher) means(x []float32) [][]float64 {
	all := make([][]float64, p.groups)
	for g := range all {
		all[g] = make([]float64, p.fan)
		n := 0
		p.each(x, g, len(x), func(patch []float32) {
			for i, v := range patch {
				all[g][i] += float64(v)
			}
			n++
		})
		for i := range all[g] {
			all[g][i] /= float64(n)
		}
	}
	return all
}

// observedInput returns the node whose output a layer reads before it is rounded to
// fewer bits for it.
func (n *Node) observedInput() *Node {
	in := n.Inputs[0]
	if _, ok := in.Op.(model.Quantize); ok {
		return in.Inputs[0]
	}
	return in
}

// planes returns the values of n images as [n][c][h][w], from how model.Evaluator
// shows them.
func planes(rows model.Rows, shape model.Shape, n int) []float32 {
	const lanes = 16
	x := make([]float32, 0, n*shape.Len())
	if shape.IsVector() {
		for row := range rows {
			x = append(x, row...)
		}
		return x
	}
	x = x[:n*shape.Len()]
	image, block, y := 0, 0, 0
	for row := range rows {
		if len(row) == len(x) { // the images themselves
			copy(x, row)
			break
		}
		channels := len(row) / shape.W
		for i, v := range row {
			c := block*lanes + i%channels
			x[((image*shape.C+c)*shape.H+y)*shape.W+i/channels] = v
		}
		if y++; y == shape.H {
			y = 0
			if block++; block*lanes >= shape.C {
				block = 0
				image++
			}
		}
	}
	return x
}
