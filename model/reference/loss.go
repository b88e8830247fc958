package reference

import "math"

// A Loss is a model.Loss in float64, written out from its definition. The zero
// value is the mean of −log softmax(logits)[label].
type Loss struct {
	LabelSmoothing       float64
	Distill, Temperature float64
}

// Of returns the mean loss over n images, and its gradient, from logits
// [n][classes]. Teacher is laid out alike, and only read where Distill is not 0.
func (l Loss) Of(n int, logits, teacher []float64, labels []uint16) (loss float64, gradient []float64) {
	classes := len(logits) / n
	gradient = make([]float64, len(logits))
	for i := range n {
		z, g := logits[i*classes:(i+1)*classes], gradient[i*classes:(i+1)*classes]
		logP := logSoftmax(z, 1)
		for k := range z {
			target := l.LabelSmoothing / float64(classes)
			if k == int(labels[i]) {
				target += 1 - l.LabelSmoothing
			}
			share := (1 - l.Distill) / float64(n)
			loss -= share * target * logP[k]
			g[k] = share * (math.Exp(logP[k]) - target)
		}
		if l.Distill == 0 {
			continue
		}
		logQ, logT := logSoftmax(z, l.Temperature), logSoftmax(teacher[i*classes:(i+1)*classes], l.Temperature)
		share := l.Distill * l.Temperature * l.Temperature / float64(n)
		for k := range z {
			loss += share * math.Exp(logT[k]) * (logT[k] - logQ[k])
			g[k] += share / l.Temperature * (math.Exp(logQ[k]) - math.Exp(logT[k]))
		}
	}
	return loss, gradient
}

// logSoftmax returns the log of softmax(z/temperature).
func logSoftmax(z []float64, temperature float64) []float64 {
	top, sum := math.Inf(-1), 0.0
	for _, v := range z {
		top = max(top, v/temperature)
	}
	for _, v := range z {
		sum += math.Exp(v/temperature - top)
	}
	out := make([]float64, len(z))
	for k, v := range z {
		out[k] = v/temperature - top - math.Log(sum)
	}
	return out
}
