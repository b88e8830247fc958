package quantize

import (
	"espalier/model"
	"espalier/model/kernel"
)

// A sink takes a node's outputs in units of its scale and stores their codes,
// within the activation's limits. Logits in float32 are stored as they are.
type sink struct {
	out       *value // nil for logits
	zero      kernel.Affine
	low, high uint8
}

func (c *compiler) sink(n *Node) sink {
	low, high := n.Codes()
	return sink{out: c.values[n], zero: kernel.Affine{Scale: 1, Zero: n.Output.Zero}, low: low, high: high}
}

// open returns the sink with one worker's memory.
func (t *sink) open(s *space) openSink {
	if t.out == nil {
		return openSink{sink: t, logits: s.logits}
	}
	return openSink{sink: t, codes: s.at(t.out)}
}

// An openSink stores outputs of one image.
type openSink struct {
	*sink
	codes  []uint8
	logits []float32
}

// put stores the output at an offset in memory.
func (o openSink) put(at int, v float32) {
	if o.logits != nil {
		o.logits[at] = v
		return
	}
	o.codes[at] = min(max(o.zero.Quantize(v), o.low), o.high)
}

// each calls do for every channel and pixel of a shape with the offset in
// memory.
func (o openSink) each(shape model.Shape, do func(at, c, y, x int)) {
	for c := range shape.C {
		at, row, pixel := c, 0, 0
		if o.out != nil {
			at, row, pixel = o.out.channel(c)
		}
		for y := range shape.H {
			for x := range shape.W {
				do(at+y*row+x*pixel, c, y, x)
			}
		}
	}
}
