package configs

import (
	"fmt"

	"espalier/internal/plural"
)

// String describes the training in words, without its epochs, such as "SGD 0.02
// cosine, momentum 0.9, weight decay 0.0005, batch 128".
func (t Training) String() string {
	text := fmt.Sprintf("SGD %g %s", t.LearningRate, t.Schedule)
	if t.Schedule == Steps {
		text += fmt.Sprintf(" (×%g at epochs %v)", t.Gamma, t.Milestones)
	}
	if t.Warmup > 0 {
		text += fmt.Sprintf(" after a warm-up of %g epochs", t.Warmup)
	}
	text += fmt.Sprintf(", momentum %g", t.Momentum)
	if t.Nesterov {
		text += " (Nesterov)"
	}
	text += fmt.Sprintf(", weight decay %g", t.WeightDecay)
	if t.WeightDecayOn == WeightsOnly {
		text += " on weights only"
	}
	text += fmt.Sprintf(", batch %d", t.Batch)
	if t.LabelSmoothing > 0 {
		text += fmt.Sprintf(", label smoothing %g", t.LabelSmoothing)
	}
	if t.Average > 0 {
		text += fmt.Sprintf(", average of weights %g", t.Average)
	}
	return text
}

// String describes the distillation in words; it is empty if there is none.
func (d Distill) String() string {
	if d.Weight == 0 {
		return ""
	}
	return fmt.Sprintf("distilled from the dense network (weight %g, temperature %g)", d.Weight, d.Temperature)
}

// String describes in words which layers are ranked together, such as "global
// magnitude, edge layers 0.3 of the target to 60 %".
func (p Prune) String() string {
	text := "global magnitude"
	if p.EdgeShare > 0 {
		text += fmt.Sprintf(", edge layers %g of the target to %g %%", p.EdgeShare, 100*p.EdgeUntil)
	}
	return text
}

// String describes the quantization in words, such as "lab, min-max over 1000
// images".
func (q Quantize) String() string {
	return fmt.Sprintf("%s, %s over %s", q.Recipe, q.Observer, plural.Count(q.Images, "image"))
}
