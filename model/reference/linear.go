package reference

// linearForward returns y [n][out] = x·wᵀ + b for x [n][in], w [out][in] and b
// [out].
func linearForward(n, in, out int, x, w, b []float64) []float64 {
	y := make([]float64, n*out)
	for i := range n {
		for o := range out {
			y[i*out+o] = b[o]
			for j := range in {
				y[i*out+o] += w[o*in+j] * x[i*in+j]
			}
		}
	}
	return y
}

// linearBackward returns the gradient of x and sets those of w and b.
func linearBackward(n, in, out int, x, w, dy, dw, db []float64) (dx []float64) {
	dx = make([]float64, len(x))
	clear(dw)
	clear(db)
	for i := range n {
		for o := range out {
			d := dy[i*out+o]
			db[o] += d
			for j := range in {
				dx[i*in+j] += d * w[o*in+j]
				dw[o*in+j] += d * x[i*in+j]
			}
		}
	}
	return dx
}
