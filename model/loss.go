package model

import (
	"math"

	"espalier/internal/finite"
)

// A Tally sums up predictions.
type Tally struct {
	Correct, Total int
	// NotFinite counts the images of which a logit is NaN or infinite. They count
	// as wrong.
	NotFinite int
	LossSum   float64
}

// Add counts logits [n][classes] against labels [n].
func (t *Tally) Add(logits []float32, labels []uint16, classes int) {
	for i, label := range labels {
		own := logits[i*classes : (i+1)*classes]
		loss, best := crossEntropy(nil, own, int(label))
		t.LossSum += loss
		t.Total++
		switch {
		case finite.First(own) >= 0:
			t.NotFinite++
		case best == int(label):
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

// A Loss is the cross-entropy with options that help training. The zero value
// is the plain cross-entropy, which evaluations report.
type Loss struct {
	// LabelSmoothing takes this share of the target from the label and spreads it
	// evenly over all classes, as torch.nn.CrossEntropyLoss does.
	LabelSmoothing float64
	// Distill is the share of knowledge distillation in the loss (Hinton et al.
	// 2015, arXiv 1503.02531, section 2): (1 − Distill)·cross-entropy +
	// Distill·T²·KL(teacher ‖ network), both softened by the temperature T.
	Distill, Temperature float64
}

// of returns the loss of one image and the index of its largest logit, and
// writes the loss's gradient. It reads teacher only if Distill is not 0.
func (l Loss) of(gradient, logits, teacher []float32, label int) (loss float64, best int) {
	loss, best = crossEntropy(gradient, logits, label)
	if l.LabelSmoothing > 0 {
		loss += l.smooth(gradient, logits, label)
	}
	if l.Distill > 0 {
		loss = (1-l.Distill)*loss + l.distill(gradient, logits, teacher)
	}
	return loss, best
}

// smooth adds the effect of label smoothing to the gradient and returns the
// change of the loss.
func (l Loss) smooth(gradient, logits []float32, label int) float64 {
	var mean float64
	each := l.LabelSmoothing / float64(len(logits))
	for k, z := range logits {
		mean += float64(z) / float64(len(logits))
		gradient[k] -= float32(each)
	}
	gradient[label] += float32(l.LabelSmoothing)
	return l.LabelSmoothing * (float64(logits[label]) - mean)
}

// distill scales the gradient by 1 − Distill, adds the gradient of the
// divergence from the teacher, and returns the divergence's share of the loss.
func (l Loss) distill(gradient, logits, teacher []float32) float64 {
	own, theirs := l.logSum(logits), l.logSum(teacher)
	var divergence float64
	for k := range logits {
		q := float64(logits[k])/l.Temperature - own // log probabilities
		p := float64(teacher[k])/l.Temperature - theirs
		divergence += math.Exp(p) * (p - q)
		gradient[k] = float32((1-l.Distill)*float64(gradient[k]) + l.Distill*l.Temperature*(math.Exp(q)-math.Exp(p)))
	}
	return l.Distill * l.Temperature * l.Temperature * divergence
}

// logSum returns log Σ exp(z/T).
func (l Loss) logSum(logits []float32) float64 {
	top := math.Inf(-1)
	for _, z := range logits {
		top = max(top, float64(z)/l.Temperature)
	}
	var sum float64
	for _, z := range logits {
		sum += math.Exp(float64(z)/l.Temperature - top)
	}
	return math.Log(sum) + top
}
