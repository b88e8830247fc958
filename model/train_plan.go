package model

import (
	"fmt"

	"espalier/model/kernel"
)

// How a graph becomes the regions of a training step, in three passes:
//
//	fuse       units of the graph become values: what a convolution, its batch norm
//	           and its activation give together
//	schedule   steps that compute values and gradients are put into regions
//	place      buffers that are never needed at the same time share memory
//
// Within a region, workers compute the parts of the batch independently, a group
// of images at a time, so that a step finds in the cache what the step before it
// wrote. Between regions, the sums over the whole batch that batch norm needs are
// completed.

// A trainPlan is a compiled training step.
type trainPlan struct {
	values  []*trainValue
	regions []*trainRegion
	buffers []*trainBuffer
	spaces  []mapSpace
	convs   []*trainConv
	linears []*trainLinear
	packs   []func() // what brings weights and scales to where steps read them
	scratch int      // floats
	sums    int      // floats of a batch norm's sums of a few images
	moved   int      // floats of the largest weight gradients of one region
}

// A trainRegion is a list of steps. One worker runs all of them for a group of
// images, then for the next group of the same part.
type trainRegion struct {
	steps      []trainStep
	group      int          // images
	sums       []weightSum  // whose gradients are summed
	statistics []*batchNorm // complete behind the region
	gradients  []*batchNorm // likewise
	loss       bool         // the loss is complete behind the region
}

// A trainStep is one call on a group of images.
type trainStep struct {
	what string
	run  func(s *trainSpan)
}

// A weightSum is where a part's gradient of a layer's weights is summed.
type weightSum struct {
	at, n  int // in the worker's memory
	finish func(part int, sum []float32)
}

// A trainSpan is the images that a step works on: n images of the batch,
// starting at image first. The next group has next images.
type trainSpan struct {
	w                    *workspace
	part, first, n, next int
}

// A trainBuffer holds one map for every image: of the whole batch if it is needed
// in several regions, or else of a group, in the worker's memory.
type trainBuffer struct {
	what  string
	m     kernel.Map
	image bool // the layout of the image, see kernel.Conv
	size  int  // floats of one image

	from, to   int // regions
	begin, end int // steps of the only region
	used       bool

	space int       // which of the plan's
	at    int       // floats before it in the worker's memory, or in the batch's
	batch []float32 // nil in a worker's memory
}

// local reports whether only one region needs the buffer.
func (b *trainBuffer) local() bool { return b.from == b.to }

// of returns images i to i+n−1 of a span in the buffer.
func (b *trainBuffer) of(s *trainSpan, i, n int) []float32 {
	if b.batch != nil {
		i += s.first
		return b.batch[i*b.size : (i+n)*b.size]
	}
	return s.w.maps[b.space][b.at+i*b.size:][:n*b.size]
}

// ahead returns the memory to prefetch: up to n images from a span's image i
// on, including images of the same worker's next span. It is nil if they are in
// the cache anyway.
func (b *trainBuffer) ahead(s *trainSpan, i, n int) []float32 {
	n = min(n, s.n+s.next-i)
	if b.batch == nil || n <= 0 {
		return nil
	}
	return b.batch[(s.first+i)*b.size:][:n*b.size]
}

// A mapSpace is memory for maps of one height and width. Kernels read the border
// of zeros around a map and never write it, so only maps of the same size may
// share memory.
type mapSpace struct {
	h, w  int
	image bool
	batch int // floats
	group int // floats of each worker
	whole []float32
}

// A trainValue is the output of a unit of the graph in training.
type trainValue struct {
	unit    *Unit
	m       kernel.Map
	image   bool
	in      []*trainValue
	readers []*trainValue // one for every time that a unit reads it
	learns  bool          // there are parameters before it, and a gradient to compute
	again   bool          // computed where it is needed, rather than stored

	conv   *trainConv
	linear *trainLinear
	norm   *batchNorm
	weight *parameter // of a layer
	grid   *trainGrid // of its weights, or nil
	scale  *parameter // of Quantize, where it is learned
	bias   *parameter
	act    *kernel.Activation
	relu   bool // act is a ReLU

	// Regions. Region is where the unit's sums are computed, ready where its value
	// may be read; complete is where its gradient has been added up, back where the
	// unit passes it on.
	region, ready, complete, back int

	y      *trainBuffer         // before batch norm or activation, where that is needed later
	a      *trainBuffer         // the value, once a step computes it
	copies map[int]*trainBuffer // the value by region, if it is computed again
	g      *trainBuffer         // the gradient
	begun  bool                 // a step has written to g
	owed   int                  // readers that have yet to add to g
	places []uint8              // of a max pool: where every maximum was, for each image
	masked bool                 // the activation's gradient has been taken
	passed bool                 // the gradient has been passed on
}

func (v *trainValue) name() string { return v.unit.Name() }

// planTraining compiles a graph.
func (t *Trainer) planTraining() (*trainPlan, error) {
	p := &trainPlan{}
	if err := t.fuse(p); err != nil {
		return nil, err
	}
	newScheduler(t, p).schedule()
	p.place(t.batch)
	return p, nil
}

// fuse makes a value for every unit.
func (t *Trainer) fuse(p *trainPlan) error {
	of := map[*Unit]*trainValue{}
	for _, u := range t.graph.Units() {
		v := &trainValue{unit: u, m: kernel.Map{C: kernel.Round(u.Shape().C), H: u.Shape().H, W: u.Shape().W}, copies: map[int]*trainBuffer{}}
		for _, in := range u.Inputs {
			x := of[in]
			v.in = append(v.in, x)
			x.readers = append(x.readers, v)
		}
		of[u] = v
		p.values = append(p.values, v)
	}
	input := p.values[0]
	input.image = input.unit.Shape().C <= 4 && !containsOther(input.readers)
	if input.image {
		input.m.C = input.unit.Shape().C
	}
	for _, v := range p.values {
		if err := t.describe(p, v); err != nil {
			return err
		}
	}
	return nil
}

// containsOther reports whether some reader is not a convolution that knows the
// layout of the image.
func containsOther(readers []*trainValue) bool {
	for _, r := range readers {
		if _, ok := r.unit.Node.Op.(Conv); !ok || isDepthwise(r.unit.Node) {
			return true
		}
	}
	return false
}

// describe prepares the unit's convolution, batch norm and parameters.
func (t *Trainer) describe(p *trainPlan, v *trainValue) error {
	n, norm := v.unit.Node, v.unit.Norm
	for _, x := range v.in {
		v.learns = v.learns || x.learns
	}
	used := n // whose weights are computed with
	if n.Grid != nil {
		v.grid = t.newTrainGrid(n, norm)
		used = v.grid.rounded
	}
	switch op := n.Op.(type) {
	case Conv:
		v.conv = newTrainConv(used, t.engine, v.in[0].image, v.in[0].learns, t.batch, partSize(t.batch, t.limit))
		p.convs = append(p.convs, v.conv)
		p.packs = append(p.packs, v.grid.before(v.conv.pack))
		p.scratch = max(p.scratch, v.conv.scratchLen())
	case Linear:
		v.linear = newTrainLinear(used, t.engine)
		p.linears = append(p.linears, v.linear)
		p.packs = append(p.packs, v.grid.before(v.linear.pack))
		p.scratch = max(p.scratch, v.linear.group*2*(kernel.Round(n.In())+kernel.Round(n.Out()))+kernel.Round(n.Out()))
	case BatchNorm:
		norm = n
	case MaxPool:
		if op.Kernel > 16 {
			return fmt.Errorf("node %s: a max pool of %d pixels cannot be trained: use at most 16", n.Name, op.Kernel)
		}
	}
	if n.IsLayer() {
		v.learns = true
		v.weight = t.parameter(Tensor{n.Name + ".weight", n.WeightShape(), n.Weight}, t.slots())
		if n.Bias != nil {
			v.bias = t.parameter(Tensor{n.Name + ".bias", []int{n.Out()}, n.Bias}, t.slots())
		}
	}
	if norm != nil {
		v.learns = true
		c := []int{n.Out()}
		gamma, beta := t.parameter(Tensor{norm.Name + ".weight", c, norm.Weight}, 1), t.parameter(Tensor{norm.Name + ".bias", c, norm.Bias}, 1)
		v.norm = newBatchNorm(norm, v.m, gamma, beta)
	}
	if v.norm != nil || v.bias != nil {
		p.sums = max(p.sums, 2*v.m.C)
	}
	if op, ok := v.unit.Output().Op.(LeakyReLU); ok && op.Slope < 0 {
		return fmt.Errorf("node %s: a leaky ReLU with a slope of %v cannot be trained: use a slope of at least 0", v.unit.Output().Name, op.Slope)
	}
	if v.unit.Act != nil {
		v.act = activationOf(v.unit.Act.Op).after
	} else if isQuantize(n.Op) {
		t.describeQuantize(p, v)
	} else if IsActivation(n.Op) {
		v.act = activationOf(n.Op).after
	}
	if v.act != nil {
		_, v.relu = v.unit.Output().Op.(ReLU)
	}
	v.again = v.lazy() && len(v.readers) == 1
	return nil
}

// lazy reports whether the value is a cheap function of a stored value and can be
// computed when it is needed.
func (v *trainValue) lazy() bool {
	if _, ok := v.unit.Node.Op.(PadShortcut); ok || IsActivation(v.unit.Node.Op) {
		return true
	}
	return v.norm != nil || v.keepsY()
}

// keepsY reports whether the gradient needs the input of the activation or
// batch norm and this unit must store it.
func (v *trainValue) keepsY() bool {
	if v.conv != nil && v.norm != nil {
		return true
	}
	return v.unit.Act != nil && v.norm == nil && v.act.NeedsInput()
}
