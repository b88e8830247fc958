package model

import (
	"math"

	"espalier/model/kernel"
)

// A trainHead is the loss and its gradient.
type trainHead struct {
	scratch  []float32 // [maxParts][2·Round(classes)]
	losses   [maxParts]float64
	corrects [maxParts]int
	loss     float64 // summed over the batch
	correct  int
	finite   bool
}

// loss emits the loss of the logits and its gradient.
func (c *scheduler) loss(output *trainValue) {
	t, h, classes := c.t, c.t.head, c.t.graph.Classes()
	logits := c.need(output, c.last)
	g, _ := c.into(output)
	width := kernel.Round(classes)
	h.scratch = kernel.Floats(maxParts * 2 * width)
	c.emit(c.last, 1, "loss", func(s *trainSpan) {
		if first, _ := part(t.n, t.limit, s.part); s.first == first {
			h.losses[s.part], h.corrects[s.part] = 0, 0
		}
		scratch := h.scratch[s.part*2*width:][:2*width]
		z, dz := scratch[:width], scratch[width:]
		for i := range s.n {
			gather(z, width, logits.of(s, i, 1), logits.size)
			label := int(t.labels[s.first+i])
			var teacher []float32
			if t.Loss.Distill > 0 {
				teacher = t.Teacher[(s.first+i)*classes:][:classes]
			}
			loss, best := t.Loss.of(dz[:classes], z[:classes], teacher, label)
			h.losses[s.part] += loss
			if best == label {
				h.corrects[s.part]++
			}
			for k := range dz {
				dz[k] /= float32(t.n)
			}
			scatter(g.of(s, i, 1), g.size, dz, width)
		}
	}, logits, g)
}

// sum adds up the parts' losses in order.
func (h *trainHead) sum(parts int) {
	h.loss, h.correct = 0, 0
	for i := range parts {
		h.loss += h.losses[i]
		h.correct += h.corrects[i]
	}
	h.finite = !math.IsNaN(h.loss) && !math.IsInf(h.loss, 0)
}
