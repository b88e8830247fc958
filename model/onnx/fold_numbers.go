package onnx

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// A span is the part of one axis that a Slice takes.
type span struct {
	axis             int
	start, end, step int64 // as given; end may be anything
}

// spans returns the parts that a Slice takes. They are inputs since operator
// set 10, and attributes before. in[0] is the data, which may be missing.
func spans(n *node, in []*array, rank int) ([]span, error) {
	lists := [4][]int64{n.ints("starts"), n.ints("ends"), n.ints("axes"), nil}
	for k := range lists {
		if len(in) > k+1 && in[k+1] != nil {
			lists[k] = in[k+1].i
		}
	}
	starts, ends, axes, steps := lists[0], lists[1], lists[2], lists[3]
	if len(starts) > rank || len(ends) != len(starts) || axes != nil && len(axes) != len(starts) || steps != nil && len(steps) != len(starts) {
		return nil, errors.New("starts, ends, axes and steps are not of one length; the file is damaged")
	}
	all := make([]span, len(starts))
	for k := range starts {
		s := span{axis: k, start: starts[k], end: ends[k], step: 1}
		if axes != nil {
			a, err := axis(axes[k], rank)
			if err != nil {
				return nil, err
			}
			s.axis = a
		}
		if steps != nil {
			s.step = steps[k]
		}
		if s.step == 0 || s.step == math.MinInt64 || s.start == batchSize || s.end == batchSize {
			return nil, fmt.Errorf("it takes elements from %d to %d in steps of %d, some of which are not known: export the network with fixed shapes", s.start, s.end, s.step)
		}
		all[k] = s
	}
	return all, nil
}

// count returns the first element of a span and the number of elements that it
// takes of size.
func (s span) count(size int) (first, count int) {
	n := int64(size)
	clamp := func(k, low, high int64) int64 {
		if k < 0 {
			k += n // k is at least −2⁶³ and n is positive
		}
		return min(max(k, low), high)
	}
	if s.step > 0 {
		a, b := clamp(s.start, 0, n), clamp(s.end, 0, n)
		if b <= a {
			return 0, 0
		}
		return int(a), int((b-a-1)/s.step + 1)
	}
	a, b := clamp(s.start, -1, n-1), clamp(s.end, -1, n-1)
	if a <= b {
		return 0, 0
	}
	return int(a), int((a-b-1)/-s.step + 1)
}

func foldSlice(n *node, in []*array) (*array, error) {
	x, err := need(in, 1, 0)
	if err != nil {
		return nil, err
	}
	all, err := spans(n, in, len(x.dims))
	if err != nil {
		return nil, err
	}
	dims, first, step := slices.Clone(x.dims), make([]int, len(x.dims)), slices.Repeat([]int64{1}, len(x.dims))
	for _, s := range all {
		first[s.axis], dims[s.axis] = s.count(x.dims[s.axis])
		step[s.axis] = s.step
	}
	return x.take(dims, func(k int) int {
		at, size := 0, 1
		for a := len(dims) - 1; a >= 0; a-- {
			at += (first[a] + k%dims[a]*int(step[a])) * size
			size *= x.dims[a]
			k /= dims[a]
		}
		return at
	})
}

// broadcast returns the dimensions of a result of two arrays, and which element
// of each belongs to element k of the result.
func broadcast(a, b *array) (dims []int, of func(x *array, k int) int, err error) {
	rank := max(len(a.dims), len(b.dims))
	at := func(x *array, k int) int { // dimension k of x, with ones in front
		if k += len(x.dims) - rank; k >= 0 {
			return x.dims[k]
		}
		return 1
	}
	for k := range rank {
		p, q := at(a, k), at(b, k)
		if p != q && p != 1 && q != 1 {
			return nil, nil, fmt.Errorf("shapes %v and %v do not fit; the file is damaged", a.dims, b.dims)
		}
		if p == 1 {
			p = q
		}
		dims = append(dims, p)
	}
	return dims, func(x *array, k int) int {
		index, size := 0, 1
		for d := rank - 1; d >= 0; d-- {
			if n := at(x, d); n > 1 {
				index += k % dims[d] * size
				size *= n
			}
			k /= dims[d]
		}
		return index
	}, nil
}

func foldBinary(n *node, in []*array) (*array, error) {
	if len(in) != 2 || in[0] == nil || in[1] == nil || (in[0].f == nil) != (in[1].f == nil) {
		return nil, errInputs
	}
	a, b := in[0], in[1]
	dims, of, err := broadcast(a, b)
	if err != nil {
		return nil, err
	}
	count, err := elements(dims)
	if err != nil {
		return nil, err
	}
	if err := grown(count, a.len()+b.len()); err != nil {
		return nil, err
	}
	y := &array{dims: dims}
	if a.f != nil {
		y.f = make([]float32, count)
		for k := range y.f {
			p, q := a.f[of(a, k)], b.f[of(b, k)]
			switch n.op {
			case "Add":
				y.f[k] = p + q
			case "Sub":
				y.f[k] = p - q
			case "Mul":
				y.f[k] = p * q
			default:
				y.f[k] = p / q
			}
		}
		return y, nil
	}
	y.i = make([]int64, count)
	for k := range y.i {
		p, q := a.i[of(a, k)], b.i[of(b, k)]
		switch {
		case n.op == "Mul" && q == 1, n.op == "Div" && q == 1, n.op != "Mul" && n.op != "Div" && q == 0:
			y.i[k] = p
		case n.op == "Mul" && p == 1:
			y.i[k] = q
		case p == batchSize || q == batchSize:
			return nil, errBatch
		case n.op == "Add":
			y.i[k] = p + q
		case n.op == "Sub":
			y.i[k] = p - q
		case n.op == "Mul":
			y.i[k] = p * q
		case q == 0:
			return nil, errors.New("it divides by zero; the file is damaged")
		default:
			y.i[k] = p / q
		}
	}
	return y, nil
}

func foldUnary(n *node, in []*array) (*array, error) {
	x, err := need(in, 1, 0)
	if err != nil {
		return nil, err
	}
	if x.f == nil {
		return nil, fmt.Errorf("%s of whole numbers is not supported: export the network with fixed shapes", n.op)
	}
	y := &array{dims: x.dims, f: make([]float32, len(x.f))}
	for k, v := range x.f {
		f := float64(v)
		switch n.op {
		case "Neg":
			f = -f
		case "Sqrt":
			f = math.Sqrt(f)
		case "Exp":
			f = math.Exp(f)
		case "Reciprocal":
			f = 1 / f
		case "Floor":
			f = math.Floor(f)
		default:
			f = math.Ceil(f)
		}
		y.f[k] = float32(f)
	}
	return y, nil
}

// foldReduceProd multiplies a shape's numbers.
func foldReduceProd(n *node, in []*array) (*array, error) {
	x, err := need(in, 1, 0)
	if err != nil {
		return nil, err
	}
	if x.i == nil || len(x.dims) != 1 {
		return nil, errors.New("only the product of a shape is computed: export the network with fixed shapes")
	}
	p := int64(1)
	for _, v := range x.i {
		switch {
		case v == batchSize && len(x.i) > 1:
			return nil, errBatch
		case v != batchSize && (v < 0 || v > maxElements || p > maxElements):
			return nil, fmt.Errorf("the product of shape %v; the file is damaged", x.i)
		}
		p *= v
	}
	if n.int("keepdims", 1) == 0 {
		return &array{dims: []int{}, i: []int64{p}}, nil
	}
	return ints(p), nil
}

// foldDequantize returns the real values of codes, as of weights that another
// program quantized.
func foldDequantize(n *node, in []*array) (*array, error) {
	if len(in) < 2 || in[0] == nil || in[1] == nil || in[0].i == nil || in[1].f == nil {
		return nil, errInputs
	}
	x, scale := in[0], in[1].f
	inner, channels := 1, len(scale)
	if channels > 1 {
		a, err := axis(n.int("axis", 1), len(x.dims))
		if err != nil {
			return nil, err
		}
		if channels != x.dims[a] {
			return nil, fmt.Errorf("%d scales of %d channels: only one scale, or one for each channel, is supported", channels, x.dims[a])
		}
		inner = product(x.dims[a+1:])
	}
	var zero []int64
	if len(in) > 2 && in[2] != nil {
		zero = in[2].i
	}
	if channels == 0 || zero != nil && len(zero) != channels {
		return nil, fmt.Errorf("%d zero points of %d scales; the file is damaged", len(zero), channels)
	}
	y := &array{dims: x.dims, f: make([]float32, len(x.i))}
	for k, code := range x.i {
		c := k / inner % channels
		if zero != nil {
			code -= zero[c]
		}
		y.f[k] = float32(code) * scale[c]
	}
	return y, nil
}
