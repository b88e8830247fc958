package cost

import (
	"espalier/compress/quantize"
	"espalier/model"
)

// A Network is the network to count and measure, in floating point or in
// integers.
type Network struct {
	Float    *model.Graph
	Integer  *quantize.Network
	Metadata map[string]string // that its file has
}

// Counts are the costs that do not depend on the machine.
type Counts struct {
	// Parameters are all trained values: weights, biases and batch norm's factors
	// and terms. In an integer network they are codes and biases.
	Parameters int `json:"parameters"`
	Weights    int `json:"weights"`  // of convolutions and linear layers
	NonZero    int `json:"non_zero"` // of these
	// MACs are for one image. EffectiveMACs count only those whose weight is not
	// zero.
	MACs          int64 `json:"macs"`
	EffectiveMACs int64 `json:"effective_macs"`
	FLOPs         int64 `json:"flops_2_macs"` // 2 × MACs
	// Activations is the peak memory of one image's values, in bytes: float32, or
	// one byte for each code. Batch norm and activations are computed in place; a
	// value lives until its last reader has run.
	Activations int64   `json:"activation_bytes"`
	Bytes       Bytes   `json:"bytes"`
	Layers      []Layer `json:"layers"`
}

// A Layer is a convolution or linear layer.
type Layer struct {
	Name          string `json:"name"`
	Shape         []int  `json:"shape"` // of the weight, [out in kh kw] or [out in]
	Parameters    int    `json:"parameters"`
	NonZero       int    `json:"non_zero"` // of its weights
	MACs          int64  `json:"macs"`
	EffectiveMACs int64  `json:"effective_macs"`
	// Seconds is the time for one image on one thread, by form, as Measure finds
	// it. It includes what is computed in the same step: batch norm, activation,
	// sum.
	Seconds map[string]float64 `json:"seconds,omitempty"`
}

// Count returns the costs that do not depend on the machine.
func Count(n Network) (Counts, error) {
	var c Counts
	if n.Float != nil {
		c.float(n.Float)
	} else {
		c.integer(n.Integer)
	}
	for _, l := range c.Layers {
		c.NonZero += l.NonZero
		c.MACs += l.MACs
		c.EffectiveMACs += l.EffectiveMACs
	}
	c.FLOPs = 2 * c.MACs
	var err error
	c.Bytes, err = bytesOf(n)
	return c, err
}

func (c *Counts) float(g *model.Graph) {
	c.Parameters, c.Weights = g.ParameterCount(), g.Weights()
	for _, n := range g.Layers() {
		c.Layers = append(c.Layers, layer(n.Name, n.WeightShape(), n.Weight, len(n.Bias), n.Shape))
	}
	var values []value
	index := map[*model.Unit]int{}
	for i, u := range g.ForInference().Units() {
		v := value{bytes: 4 * int64(u.Shape().Len())}
		for _, in := range u.Inputs {
			v.reads = append(v.reads, index[in])
		}
		index[u] = i
		values = append(values, v)
	}
	c.Activations = peak(values)
}

func (c *Counts) integer(q *quantize.Network) {
	var values []value
	index := map[*quantize.Node]int{}
	for i, n := range q.Nodes {
		c.Parameters += len(n.Weight) + len(n.Bias)
		if n.IsLayer() {
			c.Weights += len(n.Weight)
			c.Layers = append(c.Layers, layer(n.Name, n.WeightShape(), n.Weight, len(n.Bias), n.Shape))
		}
		v := value{bytes: int64(n.Shape.Len())}
		if n.Float {
			v.bytes *= 4
		}
		for _, in := range n.Inputs {
			v.reads = append(v.reads, index[in])
		}
		index[n] = i
		values = append(values, v)
	}
	c.Activations = peak(values)
}

// layer counts a layer's weights [out][fan], each of which meets every pixel of
// the output.
func layer[T float32 | int8](name string, shape []int, weight []T, biases int, out model.Shape) Layer {
	l := Layer{Name: name, Shape: shape, Parameters: len(weight) + biases}
	for _, w := range weight {
		if w != 0 {
			l.NonZero++
		}
	}
	pixels := int64(out.H) * int64(out.W)
	l.MACs, l.EffectiveMACs = int64(len(weight))*pixels, int64(l.NonZero)*pixels
	return l
}

// A value is the output of one step of a network, in the order of computation.
type value struct {
	bytes int64
	reads []int // the values that it is computed from
}

// peak returns the most bytes that are needed at a time: while a value is
// computed, it and every earlier one that it or a later one reads.
func peak(values []value) int64 {
	last := make([]int, len(values)) // the last value that reads it
	for i, v := range values {
		last[i] = i
		for _, in := range v.reads {
			last[in] = i
		}
	}
	var most int64
	for now := range values {
		var alive int64
		for i := range now + 1 {
			if last[i] >= now {
				alive += values[i].bytes
			}
		}
		most = max(most, alive)
	}
	return most
}
