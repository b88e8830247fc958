// Package reference says what an integer network computes: every operator in a
// few plain lines, one image and one value at a time. It is the definition:
// quantize.Evaluator, with all its kernels, must give the same codes.
//
// Sums of products of codes are exact, here in int64. What follows a sum is
// float32, one rounding for each operation and never fused:
//
//	code = clamp(round(real value / output scale) + zero point, low, high)
//
// rounding half to even, where low and high are 0 and 255 or an activation's
// limits in codes. The division is done beforehand, with the factors that belong
// to it, in float64.
package reference

import (
	"math"

	"espalier/compress/quantize"
	"espalier/model"
)

// A Value is one node's output for one image.
type Value struct {
	Codes  []uint8   // [c][h][w]; nil where the node's output is float32
	Floats []float32 // [c][h][w], what the codes stand for
}

// Logits computes the logits of one image x [c][h][w], normalised.
func Logits(n *quantize.Network, x []float32) []float32 {
	values := Values(n, x)
	return values[len(values)-1].Floats
}

// Values computes all nodes' outputs for one image x [c][h][w], normalised.
func Values(n *quantize.Network, x []float32) []Value {
	of := map[*quantize.Node]Value{}
	var all []Value
	for _, m := range n.Nodes {
		in := operands{node: m, of: of, image: x}
		v := in.compute()
		of[m] = v
		all = append(all, v)
	}
	return all
}

// operands are one node and the values that it reads.
type operands struct {
	node  *quantize.Node
	of    map[*quantize.Node]Value
	image []float32
}

// code returns the code minus its zero point of input i at a pixel; 0 beside the
// map, where there is padding.
func (o operands) code(i, c, y, x int) int64 {
	in := o.node.Inputs[i]
	if s := in.Shape; c < 0 || c >= s.C || y < 0 || y >= s.H || x < 0 || x >= s.W {
		return 0
	} else {
		return int64(o.of[in].Codes[(c*s.H+y)*s.W+x]) - int64(in.Output.Zero)
	}
}

// real returns the real value of input i at a pixel.
func (o operands) real(i, c, y, x int) float32 {
	return float32(o.node.Inputs[i].Output.Scale * float32(o.code(i, c, y, x)))
}

// scale returns the scale of input i.
func (o operands) scale(i int) float64 { return float64(o.node.Inputs[i].Output.Scale) }

// compute computes the node's output.
func (o operands) compute() Value {
	n := o.node
	var v Value
	low, high := n.Codes()
	for c := range n.Shape.C {
		for y := range n.Shape.H {
			for x := range n.Shape.W {
				if n.Float {
					v.Floats = append(v.Floats, o.float(c, y, x))
					continue
				}
				code := min(max(o.output(c, y, x), low), high)
				v.Codes = append(v.Codes, code)
				v.Floats = append(v.Floats, float32(n.Output.Scale*float32(int(code)-int(n.Output.Zero))))
			}
		}
	}
	return v
}

// float returns one output in float32.
func (o operands) float(c, y, x int) float32 {
	if _, ok := o.node.Op.(model.Flatten); ok {
		return o.of[o.node.Inputs[0]].Floats[c]
	}
	return o.sum(c, y, x, 1)
}

// output returns one output's code before the activation.
func (o operands) output(c, y, x int) uint8 {
	n := o.node
	out := n.Output
	switch op := n.Op.(type) {
	case model.Input:
		return round(o.image[(c*n.Shape.H+y)*n.Shape.W+x]*(1/out.Scale), out.Zero)
	case model.MaxPool:
		best := int64(math.MinInt64)
		in := n.Inputs[0].Shape
		for ky := range op.Kernel {
			for kx := range op.Kernel {
				iy, ix := y*op.Stride+ky-op.Padding.Top, x*op.Stride+kx-op.Padding.Left
				if iy >= 0 && iy < in.H && ix >= 0 && ix < in.W {
					best = max(best, o.code(0, c, iy, ix))
				}
			}
		}
		return uint8(best + int64(out.Zero))
	case model.Flatten:
		in := n.Inputs[0].Shape
		return o.rescaled(0, c/(in.H*in.W), c/in.W%in.H, c%in.W)
	case model.PadShortcut:
		return uint8(o.code(0, c-op.Before, y*op.Stride, x*op.Stride) + int64(out.Zero))
	case model.Concat:
		for i, in := range n.Inputs {
			if c < in.Shape.C {
				return o.rescaled(i, c, y, x)
			}
			c -= in.Shape.C
		}
	}
	if model.IsActivation(n.Op) {
		return round(float32(activate(n.Op, o.real(0, c, y, x))*(1/out.Scale)), out.Zero)
	}
	return round(o.sum(c, y, x, out.Scale), out.Zero)
}

// rescaled returns the code of a value that the node passes on.
func (o operands) rescaled(i, c, y, x int) uint8 {
	in, out := o.node.Inputs[i].Output, o.node.Output
	if in == out {
		return uint8(o.code(i, c, y, x) + int64(out.Zero))
	}
	return round(float32(o.real(i, c, y, x)*(1/out.Scale)), out.Zero)
}

// sum returns one output in units of a scale, of operators that compute sums and
// products.
func (o operands) sum(c, y, x int, unit float32) float32 {
	n := o.node
	switch op := n.Op.(type) {
	case model.Conv:
		in, out := n.Inputs[0].Shape.C/op.Groups, op.Out/op.Groups
		var sum int64
		for i := range in {
			for ky := range op.Kernel {
				for kx := range op.Kernel {
					w := int64(n.Weight[((c*in+i)*op.Kernel+ky)*op.Kernel+kx])
					sum += w * o.code(0, c/out*in+i, y*op.Stride+ky-op.Padding.Top, x*op.Stride+kx-op.Padding.Left)
				}
			}
		}
		return o.scaled(c, sum, unit)
	case model.Linear:
		var sum int64
		for i := range n.Inputs[0].Shape.C {
			sum += int64(n.Weight[c*n.Inputs[0].Shape.C+i]) * o.code(0, i, 0, 0)
		}
		return o.scaled(c, sum, unit)
	case model.BatchNorm:
		return o.scaled(c, o.code(0, c, y, x), unit)
	case model.Add:
		sum := o.real(0, c, y, x)
		for i := 1; i < len(n.Inputs); i++ {
			sum = sum + o.real(i, c, y, x)
		}
		return float32(sum * (1 / unit))
	case model.Mul:
		gy, gx := y, x
		if n.Inputs[1].Shape.IsVector() {
			gy, gx = 0, 0
		}
		return float32(o.real(0, c, y, x)*o.real(1, c, gy, gx)) * (1 / unit)
	case model.GlobalAvgPool:
		in := n.Inputs[0].Shape
		return float32(o.total(c, 0, in.H, 0, in.W)) * float32(o.scale(0)/float64(unit)/float64(in.H*in.W))
	case model.AvgPool:
		top, left := y*op.Stride-op.Padding.Top, x*op.Stride-op.Padding.Left
		sum := o.total(c, top, top+op.Kernel, left, left+op.Kernel)
		return float32(sum) * (float32(o.scale(0)) / unit / float32(o.count(op, top, left)))
	}
	panic("reference: no such operator " + model.OpName(n.Op))
}

// scaled returns a sum of products with a bias, both in the unit.
func (o operands) scaled(c int, sum int64, unit float32) float32 {
	n := o.node
	factor := float32(o.scale(0) * float64(n.Scale[c]) / float64(unit))
	return float32(float32(sum)*factor) + n.Bias[c]/unit
}

// total adds up the codes without their zero points of channel c in some rows and
// columns.
func (o operands) total(c, top, bottom, left, right int) (sum int64) {
	for y := top; y < bottom; y++ {
		for x := left; x < right; x++ {
			sum += o.code(0, c, y, x)
		}
	}
	return sum
}

// count returns how many values a window's mean is over: PyTorch counts padding
// where it is told to, and never what lies beyond it.
func (o operands) count(op model.AvgPool, top, left int) int {
	in := o.node.Inputs[0].Shape
	bottom, right := top+op.Kernel, left+op.Kernel
	if op.CountPadding {
		return (min(bottom, in.H+op.Padding.Bottom) - top) * (min(right, in.W+op.Padding.Right) - left)
	}
	return (min(bottom, in.H) - max(top, 0)) * (min(right, in.W) - max(left, 0))
}

// activate returns an activation of one real value.
func activate(op model.Op, x float32) float32 {
	v := float64(x)
	switch op := op.(type) {
	case model.ReLU:
		return max(x, 0)
	case model.Quantize:
		return x // code's limits are those of its bits
	case model.Clip:
		return min(max(x, op.Min), op.Max)
	case model.LeakyReLU:
		if x > 0 {
			return x
		}
		return float32(op.Slope * x)
	case model.Sigmoid:
		return float32(1 / (1 + math.Exp(-v)))
	case model.SiLU:
		return float32(v / (1 + math.Exp(-v)))
	case model.HardSigmoid:
		return float32(min(max(v+3, 0), 6) / 6)
	case model.HardSwish:
		return float32(v * min(max(v+3, 0), 6) / 6)
	}
	panic("reference: no such activation " + model.OpName(op))
}

// round returns the code of a value in units of its scale. NaN becomes 0.
func round(v float32, zero uint8) uint8 {
	if v != v {
		return 0
	}
	return uint8(min(max(math.RoundToEven(float64(v))+float64(zero), 0), 255))
}
