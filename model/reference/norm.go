package reference

import (
	"math"

	"espalier/model"
)

// normTrain normalises each channel of x [n][c][h][w] by the batch's own mean
// and biased variance, y = γ·x̂ + β with x̂ = (x − mean)/√(variance + ε), and
// moves the running statistics towards the mean and the unbiased variance.
func (m *node) normTrain(n int, op model.BatchNorm, x []float64) []float64 {
	y := make([]float64, len(x))
	m.xhat, m.rstd = make([]float64, len(x)), make([]float64, m.Out())
	count := float64(n * m.pixels())
	for c, gamma := range m.weight.Data {
		var mean, variance float64
		m.channel(n, c, func(i int) { mean += x[i] / count })
		m.channel(n, c, func(i int) { variance += (x[i] - mean) * (x[i] - mean) / count })
		rstd := 1 / math.Sqrt(variance+op.Epsilon)
		m.channel(n, c, func(i int) {
			m.xhat[i] = (x[i] - mean) * rstd
			y[i] = gamma*m.xhat[i] + m.bias.Data[c]
		})
		m.rstd[c] = rstd
		m.mean[c] += op.Momentum * (mean - m.mean[c])
		m.variance[c] += op.Momentum * (variance*count/max(1, count-1) - m.variance[c])
	}
	return y
}

// normBackward returns the gradient of normTrain's x and sets those of γ and β:
//
//	dβ = Σ dy   dγ = Σ dy·x̂   dx = γ·rstd·(dy − dβ/count − x̂·dγ/count)
func (m *node) normBackward(n int, dy []float64) (dx []float64) {
	dx = make([]float64, len(dy))
	dGamma, dBeta := m.weight.Gradient, m.bias.Gradient
	clear(dGamma)
	clear(dBeta)
	count := float64(n * m.pixels())
	for c, gamma := range m.weight.Data {
		m.channel(n, c, func(i int) {
			dBeta[c] += dy[i]
			dGamma[c] += dy[i] * m.xhat[i]
		})
		m.channel(n, c, func(i int) {
			dx[i] = gamma * m.rstd[c] * (dy[i] - dBeta[c]/count - m.xhat[i]*dGamma[c]/count)
		})
	}
	return dx
}

// normInfer normalises x by the running statistics.
func (m *node) normInfer(n int, op model.BatchNorm, x []float64) []float64 {
	y := make([]float64, len(x))
	for c, gamma := range m.weight.Data {
		scale := gamma / math.Sqrt(m.variance[c]+op.Epsilon)
		m.channel(n, c, func(i int) { y[i] = (x[i]-m.mean[c])*scale + m.bias.Data[c] })
	}
	return y
}

// normFrozenBackward returns the gradient of normInfer's x and sets those of γ and
// β. The statistics are constants.
func (m *node) normFrozenBackward(n int, op model.BatchNorm, x, dy []float64) (dx []float64) {
	dx = make([]float64, len(dy))
	dGamma, dBeta := m.weight.Gradient, m.bias.Gradient
	clear(dGamma)
	clear(dBeta)
	for c, gamma := range m.weight.Data {
		rstd := 1 / math.Sqrt(m.variance[c]+op.Epsilon)
		m.channel(n, c, func(i int) {
			dBeta[c] += dy[i]
			dGamma[c] += dy[i] * (x[i] - m.mean[c]) * rstd
			dx[i] = gamma * rstd * dy[i]
		})
	}
	return dx
}

// channel visits the indices of channel c in n images.
func (m *node) channel(n, c int, visit func(i int)) {
	size := m.pixels()
	for image := range n {
		at := (image*m.Out() + c) * size
		for i := at; i < at+size; i++ {
			visit(i)
		}
	}
}
