package reference

import "math"

// A pool is a window over every channel of x [n][channels][h][w].
type pool struct {
	window
	channels int
}

// windows visits each window of n images with its output's index, and the
// indices of the inputs under it that are not padding.
func (p pool) windows(n int, visit func(y int, inside []int)) {
	var inside []int
	for i := range n * p.channels * p.oh * p.ow {
		plane, top, left := i/(p.oh*p.ow), i/p.ow%p.oh*p.stride-p.padding.Top, i%p.ow*p.stride-p.padding.Left
		inside = inside[:0]
		for y := max(top, 0); y < min(top+p.kernel, p.h); y++ {
			for x := max(left, 0); x < min(left+p.kernel, p.w); x++ {
				inside = append(inside, (plane*p.h+y)*p.w+x)
			}
		}
		visit(i, inside)
	}
}

// maxPoolForward returns the largest value of each window.
func maxPoolForward(p pool, n int, x []float64) []float64 {
	y := make([]float64, n*p.channels*p.oh*p.ow)
	p.windows(n, func(i int, inside []int) { y[i] = x[largest(x, inside)] })
	return y
}

// maxPoolBackward gives each window's gradient to its largest value.
func maxPoolBackward(p pool, n int, x, dy []float64) []float64 {
	dx := make([]float64, len(x))
	p.windows(n, func(i int, inside []int) { dx[largest(x, inside)] += dy[i] })
	return dx
}

// largest returns the index of the largest value, the first of equals.
func largest(x []float64, among []int) int {
	best := among[0]
	for _, i := range among {
		if x[i] > x[best] || math.IsNaN(x[i]) {
			best = i
		}
	}
	return best
}

// avgPoolForward returns each window's sum divided by its number of values; see
// divisor.
func avgPoolForward(p pool, countPadding bool, n int, x []float64) []float64 {
	y := make([]float64, n*p.channels*p.oh*p.ow)
	p.windows(n, func(i int, inside []int) {
		for _, j := range inside {
			y[i] += x[j] / p.divisor(i, len(inside), countPadding)
		}
	})
	return y
}

// avgPoolBackward spreads each window's gradient over its values.
func avgPoolBackward(p pool, countPadding bool, n int, dy []float64) []float64 {
	dx := make([]float64, n*p.channels*p.h*p.w)
	p.windows(n, func(i int, inside []int) {
		for _, j := range inside {
			dx[j] += dy[i] / p.divisor(i, len(inside), countPadding)
		}
	})
	return dx
}

// divisor returns the number that the sum of output i is divided by: the values
// inside the map, or with countPadding also those in the padding. If the number
// of windows was rounded up, values beyond the padding never count, as in
// PyTorch.
func (p pool) divisor(i, inside int, countPadding bool) float64 {
	if !countPadding {
		return float64(inside)
	}
	top, left := i/p.ow%p.oh*p.stride, i%p.ow*p.stride // counted from the padding's edge
	height := min(top+p.kernel, p.padding.Top+p.h+p.padding.Bottom) - top
	width := min(left+p.kernel, p.padding.Left+p.w+p.padding.Right) - left
	return float64(height * width)
}

// globalPoolForward returns the mean of each channel, size values of x.
func globalPoolForward(size int, x []float64) []float64 {
	y := make([]float64, len(x)/size)
	for i, v := range x {
		y[i/size] += v / float64(size)
	}
	return y
}

// globalPoolBackward returns the gradient of x.
func globalPoolBackward(size int, dy []float64) []float64 {
	dx := make([]float64, len(dy)*size)
	for i := range dx {
		dx[i] = dy[i/size] / float64(size)
	}
	return dx
}
