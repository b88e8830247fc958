package quantize

import (
	"cmp"
	"slices"

	"espalier/model"
	"espalier/model/kernel"
)

// A plan is how a network is computed: steps in order, and the memory of the
// values between them.
type plan struct {
	net     *Network
	steps   []step
	nodes   []string // that the steps compute, by step
	values  map[*Node]*value
	buffers []memory
	sums    int   // int32 that some step needs
	scratch int   // bytes that some step needs
	bytes   int64 // of packed weights and of what is applied to sums
}

// A step computes one image's output of a node.
type step interface {
	run(k *kernel.Set, s *space)
}

// A sharedStep is one that several workers can compute together, each the share that
// its space says.
type sharedStep interface {
	step
	shared()
}

// A compiler makes a plan, node by node in the network's order. A convolution
// that is fused into a sum is computed where the sum is.
type compiler struct {
	*plan
	kernels *kernel.Set
	readers map[*Node][]*Node
	late    map[*Node]bool // convolutions that are computed with the sum after them
	reads   map[*Node]int  // readers still to come, by node
	free    []int          // buffers that hold nothing needed
	keep    bool           // keep every value to the end and fuse nothing, for Observe
}

// compile returns the plan of n for one set of kernels. With keep, every value
// has its own memory and is computed by its own step.
func compile(n *Network, k *kernel.Set, keep bool) *plan {
	c := &compiler{
		plan:    &plan{net: n, values: map[*Node]*value{}},
		kernels: k, readers: map[*Node][]*Node{}, late: map[*Node]bool{}, reads: map[*Node]int{}, keep: keep,
	}
	for _, m := range n.Nodes {
		for _, in := range m.Inputs {
			c.readers[in] = append(c.readers[in], m)
			c.reads[in]++
		}
	}
	if !keep {
		for _, m := range n.Nodes {
			if conv := c.fusable(m); conv != nil {
				c.late[conv] = true
			}
		}
	}
	for _, m := range n.Nodes {
		if !c.late[m] {
			c.node(m)
		}
	}
	return c.plan
}

// node adds the steps that compute a node.
func (c *compiler) node(n *Node) {
	inputs := n.Inputs
	var conv *Node
	for _, in := range n.Inputs {
		if c.late[in] {
			conv = in
			inputs = append(slices.DeleteFunc(slices.Clone(inputs), func(m *Node) bool { return m == conv }), conv.Inputs...)
		}
	}
	if !n.Float {
		c.values[n] = &value{memory: c.memoryOf(n)}
		c.values[n].buffer = c.take(c.values[n].memory)
	}
	switch {
	case conv != nil:
		c.add(c.convAdd(conv, n))
	case n.Float && n.Op == (model.Flatten{}): // its input is the logits
	default:
		c.compile(n)
	}
	for len(c.nodes) < len(c.steps) {
		c.nodes = append(c.nodes, cmp.Or(conv, n).Name)
	}
	for _, in := range inputs {
		c.reads[in]--
		if v := c.values[in]; v != nil && c.reads[in] == 0 && !c.keep {
			c.free = append(c.free, v.buffer)
		}
	}
}

// add appends a step.
func (c *compiler) add(s step) { c.steps = append(c.steps, s) }

// needSums makes room for n sums.
func (c *compiler) needSums(n int) { c.sums = max(c.sums, n) }

// needScratch makes room for n bytes.
func (c *compiler) needScratch(n int) { c.scratch = max(c.scratch, n) }

// take returns a buffer for a value: the fitting one that became free last,
// which is most likely in the cache, or a new one.
func (c *compiler) take(m memory) int {
	for i := len(c.free) - 1; i >= 0; i-- {
		if b := c.free[i]; c.buffers[b] == m {
			c.free = slices.Delete(c.free, i, i+1)
			return b
		}
	}
	c.buffers = append(c.buffers, m)
	return len(c.buffers) - 1
}

// memoryOf returns how a node's output lies in memory. An image that only
// convolutions read has a layout of its own.
func (c *compiler) memoryOf(n *Node) memory {
	if _, ok := n.Op.(model.Input); ok && n.Shape.C == 3 {
		stems := !slices.ContainsFunc(c.readers[n], func(m *Node) bool {
			op, ok := m.Op.(model.Conv)
			return !ok || op.Groups != 1 || m.Shape.IsVector()
		})
		if stems {
			return memory{layout: colours, m: kernel.Map{C: 3, H: n.Shape.H, W: n.Shape.W}, zero: n.Output.Zero}
		}
	}
	return newMemory(n.Shape, n.Output.Zero)
}

// compile adds the step of one operator: a kernel where there is one, plain Go
// elsewhere.
func (c *compiler) compile(n *Node) {
	switch op := n.Op.(type) {
	case model.Input:
		c.add(c.input(n))
	case model.Conv:
		switch {
		case c.hasKernel(n):
			c.conv(n)
		case inBlocks(c.values[n]) && c.values[n.Inputs[0]].layout != flat:
			c.add(c.generalConv(n))
		case n.Shape.IsVector() && n.Inputs[0].Shape.IsVector() && op.Kernel == 1 && op.Groups == 1:
			c.add(c.linear(n))
		default:
			c.add(c.plainConv(n))
		}
	case model.Linear:
		c.add(c.linear(n))
	case model.Add:
		switch {
		case c.hasAddKernel(n):
			c.add(c.kernelAdd(n))
		case len(n.Inputs) == 2 && inBlocks(c.values[n]):
			c.add(c.generalAdd(n))
		default:
			c.add(c.plainAdd(n))
		}
	case model.GlobalAvgPool:
		c.add(c.globalPool(n))
	case model.PadShortcut:
		c.add(c.padShortcut(n))
	case model.BatchNorm:
		c.add(c.norm(n))
	case model.Mul:
		if n.Act == nil && inBlocks(c.values[n]) && n.Inputs[1].Shape.IsVector() {
			c.add(c.gate(n))
		} else {
			c.add(c.mul(n))
		}
	case model.Concat:
		c.add(c.concat(n))
	case model.MaxPool:
		if inBlocks(c.values[n.Inputs[0]], c.values[n]) {
			c.add(c.generalMaxPool(n))
		} else {
			c.add(c.maxPool(n))
		}
	case model.AvgPool:
		if inBlocks(c.values[n.Inputs[0]], c.values[n]) {
			c.add(c.generalAvgPool(n))
		} else {
			c.add(c.avgPool(n))
		}
	case model.Flatten:
		c.add(c.flatten(n))
	default:
		c.add(c.activation(n))
	}
}

// square reports whether a convolution is one that kernels compute: 1×1 or 3×3
// without groups, with stride 1 or 2 and padding that keeps the size.
func square(op model.Conv) bool {
	return op.Groups == 1 && (op.Kernel == 1 || op.Kernel == 3) && (op.Stride == 1 || op.Stride == 2) &&
		op.Padding == model.Pad2D(op.Kernel/2)
}

// hasKernel reports whether a kernel computes the convolution n.
func (c *compiler) hasKernel(n *Node) bool {
	op, ok := n.Op.(model.Conv)
	if !ok || !square(op) || n.Float {
		return false
	}
	in, out := c.memoryOf(n.Inputs[0]), newMemory(n.Shape, 0)
	return in.layout != flat && out.layout == blocks &&
		c.kernels.DirectInteger(kernel.Conv{In: in.m, Out: out.m, Kernel: op.Kernel, Stride: op.Stride})
}

// hasAddKernel reports whether a kernel computes the sum n: two maps, followed
// by a ReLU.
func (c *compiler) hasAddKernel(n *Node) bool {
	_, add := n.Op.(model.Add)
	_, relu := n.Act.(model.ReLU)
	return add && relu && len(n.Inputs) == 2 && !n.Float && !n.Shape.IsVector()
}

// fusable returns the convolution that is computed together with the sum n, or
// nil. It is an input that nothing else reads; of two, the 3×3 convolution,
// which has a kernel for that.
func (c *compiler) fusable(n *Node) *Node {
	if !c.hasAddKernel(n) || n.Inputs[0] == n.Inputs[1] {
		return nil
	}
	var found *Node
	for _, in := range n.Inputs {
		if len(c.readers[in]) > 1 || in.Act != nil || !c.hasKernel(in) {
			continue
		}
		if op := in.Op.(model.Conv); op.Kernel == 3 && op.Stride == 1 {
			return in
		}
		if found == nil {
			found = in
		}
	}
	return found
}
