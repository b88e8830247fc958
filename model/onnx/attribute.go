package onnx

// attribute returns the attribute of that name, or nil.
func (n *node) attribute(name string) *attribute {
	for i := range n.attributes {
		if n.attributes[i].name == name {
			return &n.attributes[i]
		}
	}
	return nil
}

// int returns an attribute, or its default if the node has none.
func (n *node) int(name string, otherwise int64) int64 {
	if a := n.attribute(name); a != nil && a.i != nil {
		return *a.i
	}
	return otherwise
}

func (n *node) float(name string, otherwise float32) float32 {
	if a := n.attribute(name); a != nil && a.f != nil {
		return *a.f
	}
	return otherwise
}

// ints returns an attribute, or nil if the node has none.
func (n *node) ints(name string) []int64 {
	if a := n.attribute(name); a != nil {
		return a.ints
	}
	return nil
}

func (n *node) floats(name string) []float32 {
	if a := n.attribute(name); a != nil {
		return a.floats
	}
	return nil
}

func (n *node) text(name, otherwise string) string {
	if a := n.attribute(name); a != nil && a.s != "" {
		return a.s
	}
	return otherwise
}

// input returns the name of input k, or "" where there is none.
func (n *node) input(k int) string {
	if k < len(n.inputs) {
		return n.inputs[k]
	}
	return ""
}
