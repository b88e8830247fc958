package model

// forward computes y = Weight·x + Bias; x [In], y [Out].
func (l *Layer) forward(y, x []float32) {
	for o := range y {
		sum := l.Bias[o]
		for i, w := range l.Weight[o*l.In:][:len(x)] {
			sum += w * x[i]
		}
		y[o] = sum
	}
}

// backward computes dx [In] from dy [Out] and adds to dw [Out][In] and db
// [Out].
func (l *Layer) backward(dx, dw, db, x, dy []float32) {
	clear(dx)
	for o, d := range dy {
		db[o] += d
		row := dw[o*l.In:][:len(x)]
		for i, w := range l.Weight[o*l.In:][:len(x)] {
			dx[i] += w * d
			row[i] += x[i] * d
		}
	}
}
