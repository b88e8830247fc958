package configs

import "fmt"

// String tells the training but for its epochs in words, as
// "SGD 0.02 cosine, momentum 0.9, weight decay 0.0005, batch 128".
func (t Training) String() string {
	return fmt.Sprintf("SGD %g cosine, momentum %g, weight decay %g, batch %d", t.LearningRate, t.Momentum, t.WeightDecay, t.Batch)
}

// String tells in words what is ranked with what, as
// "global magnitude, edge layers 0.3 of the target to 60 %".
func (p Prune) String() string {
	text := "global magnitude"
	if p.EdgeShare > 0 {
		text += fmt.Sprintf(", edge layers %g of the target to %g %%", p.EdgeShare, 100*p.EdgeUntil)
	}
	return text
}

// String tells the quantization in words, as "lab, min-max over 1000 images".
func (q Quantize) String() string {
	return fmt.Sprintf("%s, %s over %d images", q.Recipe, q.Observer, q.Images)
}
