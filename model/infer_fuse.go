package model

import (
	"math"
	"slices"

	"espalier/model/kernel"
)

// Compilation for inference, the first of three passes: fuse. It turns a graph
// without dropout and with batch norm folded into steps. A step computes a unit
// of the graph (see Unit). A convolution also computes the sum that follows it
// if nothing else reads the convolution.

// An inferStep is one step of inference.
type inferStep struct {
	unit     *Unit // what is computed, without its activation
	sum      *Unit // the sum that a convolution's result goes into, or nil
	inputs   []*inferValue
	residual *inferValue // what is added for sum
	output   *inferValue

	// How: one of these, or by the unit's operator.
	conv   *inferConv
	linear *inferLinear
	norm   *inferNorm
	pad    *kernel.Sparse // the padding shortcut on planes
	act    activation
}

// An inferValue is the output of a step.
type inferValue struct {
	name    string
	shape   Shape
	m       kernel.Map // in memory, unless it is a vector [Round(C)]
	image   bool       // the network's input as the image, [H+2][W+2][4]
	vector  bool
	readers []*inferStep

	segment *inferSegment
	slot    int // in the segment's memory
}

// An activation is a step's last operation.
type activation struct {
	relu  bool // the kernel before it applies it
	max   float32
	after *kernel.Activation // applied on its own, or nil
}

// An inferNorm is a batch norm that is not folded into a convolution: y·scale +
// shift.
type inferNorm struct {
	node         *Node
	scale, shift []float32 // [Round(C)]
}

func (b *inferNorm) pack() {
	n, op := b.node, b.node.Op.(BatchNorm)
	for c := range n.Weight {
		scale := n.Weight[c] * float32(1/math.Sqrt(float64(n.Var[c])+op.Epsilon))
		b.scale[c], b.shift[c] = scale, n.Bias[c]-n.Mean[c]*scale
	}
}

// fuseForInference returns the steps of a graph for batches of so many images, each
// after its inputs.
func fuseForInference(g *Graph, e *Engine, batch int) []*inferStep {
	units := g.Units()
	readers := readersOf(units)
	sums := map[*Unit]*Unit{} // by convolution
	for _, u := range units {
		if _, ok := u.Node.Op.(Add); ok && len(u.Inputs) == 2 {
			i := slices.IndexFunc(u.Inputs, func(c *Unit) bool { return takesSum(c, readers) })
			if i >= 0 {
				sums[u.Inputs[i]] = u
			}
		}
	}
	var steps []*inferStep
	values := map[*Unit]*inferValue{}
	for _, u := range units {
		if sums[u] != nil {
			continue // computed with the sum
		}
		s := &inferStep{unit: u}
		for i, in := range u.Inputs {
			if sums[in] == u {
				s.unit, s.sum, s.residual = in, u, values[u.Inputs[1-i]]
			}
		}
		for _, in := range s.unit.Inputs {
			s.inputs = append(s.inputs, values[in])
		}
		s.output = newInferValue(u, readers)
		values[u] = s.output
		if _, ok := u.Node.Op.(Flatten); ok && s.inputs[0].vector {
			values[u] = s.inputs[0] // the same numbers
			continue
		}
		s.how(u, e, batch)
		steps = append(steps, s)
	}
	for _, s := range steps {
		for _, v := range s.reads() {
			v.readers = append(v.readers, s)
		}
	}
	return steps
}

// takesSum reports whether a unit is a convolution whose kernel can add another
// map before the sum's activation.
func takesSum(u *Unit, readers map[*Unit][]*Unit) bool {
	_, ok := u.Node.Op.(Conv)
	return ok && u.Act == nil && u.Norm == nil && len(readers[u]) == 1 && !u.Shape().IsVector()
}

// readersOf returns the units that read each unit's value; a unit that reads it
// twice is listed twice.
func readersOf(units []*Unit) map[*Unit][]*Unit {
	readers := map[*Unit][]*Unit{}
	for _, u := range units {
		for _, in := range u.Inputs {
			readers[in] = append(readers[in], u)
		}
	}
	return readers
}

// imageLayout reports whether a unit is the input and only convolutions read it
// that know the layout of the image.
func imageLayout(u *Unit, readers map[*Unit][]*Unit) bool {
	s := u.Node.Shape
	if _, ok := u.Node.Op.(Input); !ok || s.C > 4 || s.IsVector() {
		return false
	}
	return !slices.ContainsFunc(readers[u], func(u *Unit) bool {
		op, ok := u.Node.Op.(Conv)
		return !ok || op.Groups != 1 || u.Shape().IsVector()
	})
}

func newInferValue(u *Unit, readers map[*Unit][]*Unit) *inferValue {
	s := u.Shape()
	v := &inferValue{name: u.Name(), shape: s, vector: s.IsVector(), m: kernel.Map{C: kernel.Round(s.C), H: s.H, W: s.W}}
	if v.image = imageLayout(u, readers); v.image {
		v.m.C = s.C
	}
	return v
}

// reads returns all values that the step reads.
func (s *inferStep) reads() []*inferValue {
	if s.residual == nil {
		return s.inputs
	}
	return append(slices.Clip(s.inputs), s.residual)
}

// how chooses the kernel of the step. act is the unit whose activation comes
// last.
func (s *inferStep) how(act *Unit, e *Engine, batch int) {
	n := s.unit.Node
	switch op := n.Op.(type) {
	case Conv:
		if s.inputs[0].vector && s.output.vector {
			s.linear = newInferLinear(n, e)
		} else {
			s.conv = newInferConv(n, e, s.inputs[0].image, batch)
		}
	case Linear:
		s.linear = newInferLinear(n, e)
	case BatchNorm:
		c := kernel.Round(n.Out())
		s.norm = &inferNorm{node: n, scale: kernel.Floats(c), shift: kernel.Floats(c)}
	case PadShortcut:
		s.pad = padPlanes(op, n.Inputs[0].Shape, n.Shape)
	}
	if act.Act != nil {
		s.act = activationOf(act.Act.Op)
	} else if isQuantize(n.Op) {
		a := n.rounding() // pack brings its present scale
		s.act.after = &a
	} else if IsActivation(n.Op) {
		s.act = activationOf(n.Op)
	}
	// Kernels of convolutions, linear layers and batch norm end with a ReLU, some
	// with an upper bound too. Sums and products of any kind do not.
	if a := s.act.after; a != nil && a.Kind == kernel.Clip && a.Min == 0 {
		unbounded := math.IsInf(float64(a.Max), 1)
		switch {
		case s.conv != nil && (unbounded || s.conv.bounded()), (s.linear != nil || s.norm != nil && !s.output.vector) && unbounded:
			s.act = activation{relu: true}
			if !unbounded {
				s.act.max = a.Max
			}
		}
	}
}

// activationOf returns the kernels' name of an activation.
func activationOf(op Op) activation {
	a := kernel.Activation{}
	switch op := op.(type) {
	case ReLU:
		a = kernel.Activation{Kind: kernel.Clip, Max: float32(math.Inf(1))}
	case Clip:
		a = kernel.Activation{Kind: kernel.Clip, Min: op.Min, Max: op.Max}
	case LeakyReLU:
		a = kernel.Activation{Kind: kernel.LeakyReLU, Slope: op.Slope}
	case Sigmoid:
		a.Kind = kernel.Sigmoid
	case SiLU:
		a.Kind = kernel.SiLU
	case HardSigmoid:
		a.Kind = kernel.HardSigmoid
	case HardSwish:
		a.Kind = kernel.HardSwish
	}
	return activation{after: &a}
}
