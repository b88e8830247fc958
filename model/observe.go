package model

import (
	"fmt"
	"iter"

	"espalier/model/kernel"
)

// Rows are runs of an activation's values. Together they hold each value of the
// batch once, always in the same order. A map's rows hold up to 16 channels of
// one row of pixels, [W][channels], and come by image, by block of 16 channels,
// and by row; a vector's come by image.
type Rows = iter.Seq[[]float32]

// Observe computes x [n][c][h][w] in fp32 with batch norm folded and shows the
// values at every point where an integer network may quantize, by the name of the
// unit that gives them (see Unit): "input", a convolution's output after the ReLU
// that follows at once, a sum's, and so on to the logits. Any other activation
// has two points: its input under the unit's name, and its output under its own.
// Padding shortcuts and Quantize nodes show nothing. Points come in forward order. The
// rows are only valid during the call of see.
func (v *Evaluator) Observe(x []float32, see func(point string, rows Rows)) {
	n := len(x) / v.pixels()
	if n > v.batch || len(x) != n*v.pixels() {
		panic(fmt.Sprintf("model: observing %d values in batches of %d", len(x), v.batch))
	}
	o := newObserver(v, n)
	for _, u := range o.units {
		o.step(u, x)
		if _, pad := u.Node.Op.(PadShortcut); !pad && !isQuantize(u.Node.Op) {
			if _, ok := u.Node.Op.(Input); ok {
				see(u.Name(), func(yield func([]float32) bool) { yield(x) })
			} else {
				see(u.Name(), o.rows(u))
			}
		}
		for _, in := range u.Inputs {
			if o.left[in]--; o.left[in] == 0 {
				delete(o.values, in)
			}
		}
	}
}

// apart returns the units, with every activation except ReLU as a unit of its own.
func apart(units []*Unit) []*Unit {
	of := map[*Unit]*Unit{} // the unit that gives a unit's value
	var all []*Unit
	for _, u := range units {
		c := &Unit{Node: u.Node, Norm: u.Norm, Act: u.Act}
		for _, in := range u.Inputs {
			c.Inputs = append(c.Inputs, of[in])
		}
		all, of[u] = append(all, c), c
		if u.Act == nil || u.Act.Op == (ReLU{}) {
			continue
		}
		c.Act = nil
		act := &Unit{Node: u.Act, Inputs: []*Unit{c}}
		all, of[u] = append(all, act), act
	}
	return all
}

// An observer is one pass of Observe. It computes one unit after the other for
// the whole batch, without fusing sums.
type observer struct {
	v      *Evaluator
	n      int
	units  []*Unit
	steps  map[*Unit]*inferStep
	values map[*Unit][]float32 // [n] images each
	left   map[*Unit]int       // how many units still read a value
	spaces []*inferSpace       // by worker
}

func newObserver(v *Evaluator, n int) *observer {
	o := &observer{v: v, n: n, units: apart(v.folded.Units()), steps: map[*Unit]*inferStep{}, values: map[*Unit][]float32{}, left: map[*Unit]int{}}
	values := map[*Unit]*inferValue{}
	readers := readersOf(o.units)
	for _, u := range o.units {
		o.left[u] = len(readers[u])
		s := &inferStep{unit: u, output: newInferValue(u, readers)}
		for _, in := range u.Inputs {
			s.inputs = append(s.inputs, values[in])
		}
		values[u], o.steps[u] = s.output, s
		s.how(u, v.engine, v.batch)
	}
	o.spaces = make([]*inferSpace, v.engine.Threads())
	return o
}

// step computes a unit for the batch.
func (o *observer) step(u *Unit, x []float32) {
	s := o.steps[u]
	y := kernel.Floats(o.n * s.output.stride())
	o.values[u] = y
	if s.conv != nil {
		if s.ordered() {
			s.conv.bias = padded(s.conv.bias, s.conv.node.Bias)
			o.ordered(s, y)
			return
		}
		s.conv.pack()
	}
	if s.linear != nil {
		s.linear.pack()
	}
	if s.norm != nil {
		s.norm.pack()
	}
	if isQuantize(u.Node.Op) {
		*s.act.after = u.Node.rounding()
	}
	// Each worker computes one image at a time in memory of its own: the output in
	// slot 0, the inputs after it.
	s.output.slot = 0
	for k, in := range s.inputs {
		in.slot = k + 1
	}
	o.v.engine.Each(o.n, func(worker, i int) {
		space := o.space(worker, s, i)
		if _, ok := u.Node.Op.(Input); ok {
			w := *o.v
			w.x = x
			w.input(s, space, i, 1)
			return
		}
		o.v.apply(s, space, 0, 0, 1)
	})
}

// space returns memory in which a step's inputs and output are those of image i.
func (o *observer) space(worker int, s *inferStep, i int) *inferSpace {
	if o.spaces[worker] == nil {
		o.spaces[worker] = o.v.space()
	}
	own := o.spaces[worker]
	slots := [][]float32{images(o.values[s.unit], s.output.stride(), i, 1)}
	for k, in := range s.unit.Inputs {
		slots = append(slots, images(o.values[in], s.inputs[k].stride(), i, 1))
	}
	return &inferSpace{scratch: own.scratch, dense: own.dense, one: own.one, slots: map[*inferSegment][][]float32{nil: slots}}
}

// rows yields a unit's values, without borders and without the channels that fill
// up a block.
func (o *observer) rows(u *Unit) Rows {
	v, all := o.steps[u].output, o.values[u]
	if v.vector {
		return func(yield func([]float32) bool) {
			for i := range o.n {
				if !yield(all[i*v.stride():][:v.shape.C]) {
					return
				}
			}
		}
	}
	return mapRows(v.m, v.shape.C, all)
}

// mapRows yields the rows of consecutive images of m, of which c channels are
// real.
func mapRows(m kernel.Map, c int, all []float32) Rows {
	return func(yield func([]float32) bool) {
		compact := make([]float32, m.W*kernel.Lanes)
		for plane := 0; plane < len(all); plane += m.Plane() {
			lanes := min(kernel.Lanes, c-plane%m.Len()/m.Plane()*kernel.Lanes)
			for y := range m.H {
				at := plane + m.At(0, y, 0)
				row := all[at : at+m.W*kernel.Lanes]
				if lanes < kernel.Lanes {
					for x := range m.W {
						copy(compact[x*lanes:], row[x*kernel.Lanes:][:lanes])
					}
					row = compact[:m.W*lanes]
				}
				if !yield(row) {
					return
				}
			}
		}
	}
}
