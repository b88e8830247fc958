package quantize

import "espalier/model"

// fuses reports whether an activation belongs to the step before it. Only ReLU
// and clipping can, since they are limits of codes; other activations are steps
// of their own.
func (r Recipe) fuses(act model.Op) bool {
	switch act.(type) {
	case model.ReLU:
		return true
	case model.Clip:
		return !r.ClipApart
	}
	return false
}

// keeps reports whether a node's output has the scale and zero point of its
// first input.
func (r Recipe) keeps(n *Node) bool {
	switch n.Op.(type) {
	case model.MaxPool, model.PadShortcut:
		return true
	case model.Flatten:
		return !r.OwnFlatten
	case model.AvgPool:
		return !r.OwnPool || r.WindowsKeep
	case model.GlobalAvgPool:
		return !r.OwnPool
	case model.Concat:
		return r.Shared
	case model.ReLU, model.Clip: // where they could not be fused
		return r.ClipApart
	}
	return false
}

// Observers returns which observer watches each point of a graph under this
// recipe: the name of the first point that it watches. Points that share one
// have one range, made of the values of all of them. PyTorch lets a node that
// keeps its input's scale share its observer, and all inputs of a concatenation
// share the first one's (torch.ao.quantization.fx.prepare,
// _maybe_make_input_output_share_observers); the other recipes share none. The
// few means of a global pool, which lie within their input's range, are left out.
func (r Recipe) Observers(g *model.Graph) map[string]string {
	by := map[string]string{}
	for _, n := range steps(g.ForInference(), r) {
		point := n.Point()
		if !n.Keeps {
			by[point] = point
		}
		if !n.Keeps || !r.Shared || few(n.Op) {
			continue
		}
		first := by[n.Inputs[0].Point()]
		for _, in := range n.Inputs {
			by[in.Point()] = first
		}
		by[point] = first
	}
	return by
}

// few reports whether an operator's output is a vector computed from a map, whose
// range lies within the map's.
func few(op model.Op) bool {
	switch op.(type) {
	case model.GlobalAvgPool, model.Flatten:
		return true
	}
	return false
}
