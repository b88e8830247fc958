package model

import (
	"fmt"
	"strings"

	"espalier/internal/plural"
)

// Plan describes how a batch is evaluated: the segments with their steps, in the
// order in which they run, and the memory of every worker.
func (v *Evaluator) Plan() string {
	var s strings.Builder
	fmt.Fprintf(&s, "evaluation of %s: %s in %s\n", v.graph.Name, plural.Count(len(v.steps), "step"), plural.Count(len(v.segments), "segment"))
	fmt.Fprintf(&s, "memory: %s in all, %s of values for each of %s\n",
		megabytes(v.Bytes()), megabytes(4*int64(len(v.workers[0].arena))), plural.Count(len(v.workers), "worker"))
	if v.planar {
		fmt.Fprintf(&s, "values lie on planes, for lists of the weights that are not zero, %s at a time\n", plural.Count(v.group, "image"))
	}
	for i, g := range v.segments {
		fmt.Fprintf(&s, "\nsegment %d, %s at a time", i, plural.Count(g.group, "image"))
		var slots []string
		for _, n := range g.slots {
			slots = append(slots, megabytes(4*int64(n*v.capacity(g))))
		}
		fmt.Fprintf(&s, ", memory %s\n", strings.Join(slots, " + "))
		for _, step := range g.entry {
			fmt.Fprintf(&s, "  %s, from the segment before, image by image\n", step)
		}
		for _, step := range g.inner {
			fmt.Fprintf(&s, "  %s\n", step)
		}
	}
	return s.String()
}

// String describes a step in one line.
func (s *inferStep) String() string {
	how := OpName(s.unit.Node.Op)
	switch {
	case s.conv != nil:
		how = s.conv.String()
	case s.linear != nil && s.linear.weights == nil:
		how = "linear, row by row"
	}
	if s.sum != nil {
		how += fmt.Sprintf(" + %s = %s", s.residual.name, s.sum.Name())
	}
	if s.act.relu && s.act.max != 0 {
		how += fmt.Sprintf(", at least 0 and at most %v", s.act.max)
	} else if s.act.relu {
		how += ", relu"
	} else if s.act.after != nil && !IsActivation(s.unit.Node.Op) {
		act := s.unit.Act
		if s.sum != nil {
			act = s.sum.Act
		}
		how += ", then " + OpName(act.Op)
	}
	return fmt.Sprintf("%-32s %-12v in slot %d: %s", s.unit.Name(), s.output.shape, s.output.slot, how)
}

// String says how the convolution is computed.
func (c *inferConv) String() string {
	op := c.node.Op.(Conv)
	kind := fmt.Sprintf("conv %d×%d/%d", op.Kernel, op.Kernel, op.Stride)
	switch {
	case c.sparse != nil:
		return kind + " by the list of its weights"
	case c.winograd != nil:
		return kind + " by Winograd's algorithm"
	case c.depth != nil:
		return "depthwise " + kind
	case op.Groups > 1:
		return fmt.Sprintf("%s in %d groups", kind, op.Groups)
	}
	return kind + " direct"
}
