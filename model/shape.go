package model

import "fmt"

// A Shape is the shape of one image's value: channels, height and width.
type Shape struct{ C, H, W int }

// Len returns the number of values.
func (s Shape) Len() int { return s.C * s.H * s.W }

// String returns a text such as "16×32×32".
func (s Shape) String() string { return fmt.Sprintf("%d×%d×%d", s.C, s.H, s.W) }

// IsVector reports whether the height and the width are 1.
func (s Shape) IsVector() bool { return s.H == 1 && s.W == 1 }

// shapeOf returns the shape of an operator's output, or an error if the inputs
// do not fit it.
func shapeOf(op Op, in []Shape) (Shape, error) {
	if err := fits(op, in); err != nil {
		return Shape{}, err
	}
	x := in[0]
	switch op := op.(type) {
	case Conv:
		y := Shape{op.Out, windows(x.H, op.Kernel, op.Stride, op.Padding.Top+op.Padding.Bottom, false, 0), windows(x.W, op.Kernel, op.Stride, op.Padding.Left+op.Padding.Right, false, 0)}
		return y, positive(x, y)
	case Linear:
		return Shape{op.Out, 1, 1}, nil
	case MaxPool:
		y := Shape{x.C, windows(x.H, op.Kernel, op.Stride, op.Padding.Top+op.Padding.Bottom, op.Ceil, op.Padding.Top), windows(x.W, op.Kernel, op.Stride, op.Padding.Left+op.Padding.Right, op.Ceil, op.Padding.Left)}
		return y, positive(x, y)
	case AvgPool:
		y := Shape{x.C, windows(x.H, op.Kernel, op.Stride, op.Padding.Top+op.Padding.Bottom, op.Ceil, op.Padding.Top), windows(x.W, op.Kernel, op.Stride, op.Padding.Left+op.Padding.Right, op.Ceil, op.Padding.Left)}
		return y, positive(x, y)
	case GlobalAvgPool:
		return Shape{x.C, 1, 1}, nil
	case Flatten:
		return Shape{x.Len(), 1, 1}, nil
	case PadShortcut:
		return Shape{op.Before + x.C + op.After, (x.H-1)/op.Stride + 1, (x.W-1)/op.Stride + 1}, nil
	case Concat:
		y := x
		for _, s := range in[1:] {
			y.C += s.C
		}
		return y, nil
	}
	return x, nil // elementwise
}

// fits returns an error if an operator's settings or the shapes of its inputs are
// wrong.
func fits(op Op, in []Shape) error {
	want := 1
	switch op.(type) {
	case Mul:
		want = 2
	case Add, Concat:
		if want = len(in); want < 1 {
			want = 1
		}
	}
	if len(in) != want {
		return fmt.Errorf("%d inputs: want %d", len(in), want)
	}
	x := in[0]
	switch op := op.(type) {
	case Conv:
		switch {
		case op.Kernel < 1 || op.Kernel > 7 || op.Stride < 1 || op.Out < 1:
			return fmt.Errorf("kernel %d, stride %d, %d output channels: want a kernel from 1 to 7, a stride and channels of at least 1", op.Kernel, op.Stride, op.Out)
		case op.Groups < 1 || x.C%op.Groups != 0 || op.Out%op.Groups != 0:
			return fmt.Errorf("%d groups do not divide %d input and %d output channels", op.Groups, x.C, op.Out)
		}
		return op.Padding.check(op.Kernel)
	case MaxPool:
		return checkPool(op.Kernel, op.Stride, op.Padding)
	case AvgPool:
		return checkPool(op.Kernel, op.Stride, op.Padding)
	case Linear:
		if !x.IsVector() {
			return fmt.Errorf("input %v: want a vector; flatten it first", x)
		}
		if op.Out < 1 {
			return fmt.Errorf("%d outputs: want at least 1", op.Out)
		}
	case PadShortcut:
		if op.Stride < 1 || op.Before < 0 || op.After < 0 {
			return fmt.Errorf("stride %d, %d channels before and %d after: want a stride of at least 1 and no negative counts", op.Stride, op.Before, op.After)
		}
	case Add:
		for _, s := range in {
			if s != x {
				return fmt.Errorf("inputs %v and %v: want equal shapes", x, s)
			}
		}
	case Mul:
		if in[1] != x && in[1] != (Shape{x.C, 1, 1}) {
			return fmt.Errorf("inputs %v and %v: want equal shapes, or one value for each channel", x, in[1])
		}
	case Concat:
		for _, s := range in {
			if s.H != x.H || s.W != x.W {
				return fmt.Errorf("inputs %v and %v: want equal heights and widths", x, s)
			}
		}
	case BatchNorm:
		if !(op.Epsilon > 0) || !(op.Momentum >= 0 && op.Momentum <= 1) {
			return fmt.Errorf("epsilon %v and momentum %v: want a positive epsilon and a momentum from 0 to 1", op.Epsilon, op.Momentum)
		}
	case Dropout:
		if !(op.P >= 0 && op.P < 1) {
			return fmt.Errorf("probability %v: want 0 to below 1", op.P)
		}
	case Quantize:
		if op.Bits < 2 || op.Bits > 8 || int(op.Zero) >= 1<<op.Bits {
			return fmt.Errorf("%d bits and zero point %d: want 2 to 8 bits and a zero point of so many", op.Bits, op.Zero)
		}
	case Clip:
		if !(op.Min < op.Max) {
			return fmt.Errorf("clip from %v to %v: want a range", op.Min, op.Max)
		}
	}
	return nil
}

func checkPool(kernel, stride int, p Padding) error {
	if kernel < 1 || stride < 1 {
		return fmt.Errorf("kernel %d and stride %d: want at least 1", kernel, stride)
	}
	for _, n := range []int{p.Top, p.Left, p.Bottom, p.Right} {
		if n > kernel/2 {
			return fmt.Errorf("padding %d of a kernel of %d: want at most half the kernel", n, kernel)
		}
	}
	return p.check(kernel)
}

func (p Padding) check(kernel int) error {
	for _, n := range []int{p.Top, p.Left, p.Bottom, p.Right} {
		if n < 0 || n >= max(kernel, 2) {
			return fmt.Errorf("padding %d of a kernel of %d: want 0 to below the kernel", n, kernel)
		}
	}
	return nil
}

// windows returns how many windows of a kernel fit on size pixels and the
// padding of both sides. With rounding up, the last window must begin inside
// the map or the padding before it, as in PyTorch.
func windows(size, kernel, stride, padding int, ceil bool, before int) int {
	span := size + padding - kernel
	if span < 0 {
		return 0
	}
	n := span/stride + 1
	if ceil && span%stride != 0 && n*stride < size+before {
		n++
	}
	return n
}

func positive(x, y Shape) error {
	if y.H < 1 || y.W < 1 {
		return fmt.Errorf("input %v is smaller than the kernel", x)
	}
	return nil
}
