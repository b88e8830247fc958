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
