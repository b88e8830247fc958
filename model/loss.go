package model

import "math"

// A Tally sums up predictions.
type Tally struct {
	Correct, Total int
	LossSum        float64
}

// Add counts logits [n][classes] against labels [n].
func (t *Tally) Add(logits []float32, labels []uint8, classes int) {
	for i, label := range labels {
		loss, best := crossEntropy(nil, logits[i*classes:(i+1)*classes], int(label))
		t.LossSum += loss
		t.Total++
		if best == int(label) {
			t.Correct++
		}
	}
}

// Top1 returns the share of images whose largest logit is their label's.
func (t *Tally) Top1() float64 { return float64(t.Correct) / float64(max(1, t.Total)) }

// Loss returns the mean cross-entropy.
func (t *Tally) Loss() float64 { return t.LossSum / float64(max(1, t.Total)) }

// crossEntropy returns −log softmax(logits)[label] and the index of the
// largest logit, the first of equals. If gradient is not nil it receives the
// loss's gradient, softmax(logits) − onehot(label).
func crossEntropy(gradient, logits []float32, label int) (loss float64, best int) {
	for i, z := range logits {
		if z > logits[best] {
			best = i
		}
	}
	top := float64(logits[best])
	var sum float64
	for _, z := range logits {
		sum += math.Exp(float64(z) - top)
	}
	if gradient != nil {
		for i, z := range logits {
			gradient[i] = float32(math.Exp(float64(z)-top) / sum)
		}
		gradient[label]--
	}
	return math.Log(sum) + top - float64(logits[label]), best
}
