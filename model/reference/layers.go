package reference

import (
	"math"

	"espalier/model"
)

// A Norm is batch norm in training mode: its parameters, and what Backward
// needs from the last Forward.
type Norm struct {
	Gamma, Beta, RunningMean, RunningVar []float64

	xhat []float64
	rstd []float64
}

// Forward normalises x [n][C][size] by the batch's own mean and biased
// variance, and moves the running statistics towards the mean and the unbiased
// variance.
func (b *Norm) Forward(n, size int, x []float64) []float64 {
	channels := len(b.Gamma)
	y := make([]float64, len(x))
	b.xhat, b.rstd = make([]float64, len(x)), make([]float64, channels)
	count := float64(n * size)
	for c := range channels {
		var mean, variance float64
		channel(n, channels, size, c, func(i int) { mean += x[i] / count })
		channel(n, channels, size, c, func(i int) { variance += (x[i] - mean) * (x[i] - mean) / count })
		rstd := 1 / math.Sqrt(variance+model.NormEpsilon)
		channel(n, channels, size, c, func(i int) {
			b.xhat[i] = (x[i] - mean) * rstd
			y[i] = b.Gamma[c]*b.xhat[i] + b.Beta[c]
		})
		b.rstd[c] = rstd
		b.RunningMean[c] += model.NormMomentum * (mean - b.RunningMean[c])
		b.RunningVar[c] += model.NormMomentum * (variance*count/(count-1) - b.RunningVar[c])
	}
	return y
}

// Backward returns the gradients of x, gamma and beta.
func (b *Norm) Backward(n, size int, dy []float64) (dx, dGamma, dBeta []float64) {
	channels := len(b.Gamma)
	dx, dGamma, dBeta = make([]float64, len(dy)), make([]float64, channels), make([]float64, channels)
	count := float64(n * size)
	for c := range channels {
		channel(n, channels, size, c, func(i int) {
			dBeta[c] += dy[i]
			dGamma[c] += dy[i] * b.xhat[i]
		})
		channel(n, channels, size, c, func(i int) {
			dx[i] = b.Gamma[c] * b.rstd[c] * (dy[i] - dBeta[c]/count - b.xhat[i]*dGamma[c]/count)
		})
	}
	return dx, dGamma, dBeta
}

// Infer normalises x by the running statistics.
func (b *Norm) Infer(n, size int, x []float64) []float64 {
	channels := len(b.Gamma)
	y := make([]float64, len(x))
	for c := range channels {
		scale := b.Gamma[c] / math.Sqrt(b.RunningVar[c]+model.NormEpsilon)
		channel(n, channels, size, c, func(i int) { y[i] = (x[i]-b.RunningMean[c])*scale + b.Beta[c] })
	}
	return y
}

// channel visits the indices of channel c.
func channel(n, channels, size, c int, visit func(i int)) {
	for image := range n {
		at := (image*channels + c) * size
		for i := at; i < at+size; i++ {
			visit(i)
		}
	}
}

// ReLU returns max(x, 0).
func ReLU(x []float64) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = max(v, 0)
	}
	return y
}

// ReLUBackward returns dy where y, ReLU's output, is positive, and else 0.
func ReLUBackward(y, dy []float64) []float64 {
	dx := make([]float64, len(dy))
	for i, v := range y {
		if v > 0 {
			dx[i] = dy[i]
		}
	}
	return dx
}

// PoolForward returns the mean [n·C] of each channel of x [n][C][size].
func PoolForward(size int, x []float64) []float64 {
	y := make([]float64, len(x)/size)
	for i, v := range x {
		y[i/size] += v / float64(size)
	}
	return y
}

// PoolBackward returns the gradient of x.
func PoolBackward(size int, dy []float64) []float64 {
	dx := make([]float64, len(dy)*size)
	for i := range dx {
		dx[i] = dy[i/size] / float64(size)
	}
	return dx
}

// PadForward returns the shortcut of option A for x [n][C][2H][2W]: every
// second pixel, between C/2 zero channels on either side.
func PadForward(n, channels, h, w int, x []float64) []float64 {
	y := make([]float64, n*2*channels*h*w)
	pad(n, channels, h, w, func(to, from int) { y[to] = x[from] })
	return y
}

// PadBackward returns the gradient of PadForward's x.
func PadBackward(n, channels, h, w int, dy []float64) []float64 {
	dx := make([]float64, n*channels*4*h*w)
	pad(n, channels, h, w, func(to, from int) { dx[from] = dy[to] })
	return dx
}

func pad(n, channels, h, w int, visit func(to, from int)) {
	for i := range n {
		for c := range channels {
			for y := range h {
				for x := range w {
					visit(((i*2*channels+c+channels/2)*h+y)*w+x, ((i*channels+c)*2*h+2*y)*2*w+2*x)
				}
			}
		}
	}
}
