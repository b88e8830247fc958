package model

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
)

// Limits of a description. They are far above any network that trains on a CPU,
// and keep a damaged file from taking all memory.
const (
	maxNodes     = 20000
	maxDimension = 1 << 20 // of a shape
	maxValues    = 1 << 30 // of one activation, and of one node's weight
	maxTotal     = 1 << 29 // of all activations of one image together
)

// A description is a graph as text: everything but weights.
type description struct {
	Name  string            `json:"name,omitempty"`
	Input [3]int            `json:"input"` // [c][h][w]
	As    string            `json:"input_name"`
	Nodes []nodeDescription `json:"nodes"` // all but the input, in order
}

// A nodeDescription is one node. Op is its OpName, which decides which settings
// it has.
type nodeDescription struct {
	Name    string   `json:"name"`
	Op      string   `json:"op"`
	Inputs  []string `json:"in"`
	Out     int      `json:"out,omitempty"`
	Kernel  int      `json:"kernel,omitempty"`
	Stride  int      `json:"stride,omitempty"`
	Padding *[4]int  `json:"padding,omitempty"` // top, left, bottom, right
	Groups  int      `json:"groups,omitempty"`
	Before  int      `json:"before,omitempty"`
	After   int      `json:"after,omitempty"`
	Ceil    bool     `json:"ceil,omitempty"`
	Count   bool     `json:"count_padding,omitempty"`

	Grid *gridDescription `json:"grid,omitempty"`

	Epsilon  float64 `json:"epsilon,omitempty"`
	Momentum float64 `json:"momentum,omitempty"`
	P        float64 `json:"p,omitempty"`
	Min      float32 `json:"min,omitempty"`
	Max      float32 `json:"max,omitempty"`
	Slope    float32 `json:"slope,omitempty"`
	Bits     int     `json:"bits,omitempty"`
	Zero     int     `json:"zero_point,omitempty"`
	Learned  bool    `json:"learned,omitempty"`
}

// A gridDescription is a Grid without its scales.
type gridDescription struct {
	Low     int8 `json:"low"`
	High    int8 `json:"high"`
	Learned bool `json:"learned,omitempty"`
}

// Describe returns the graph as one line of JSON: its name, the input's shape
// and all nodes with their settings, without weights. ParseGraph reads it.
func (g *Graph) Describe() (string, error) {
	in := g.Input().Shape
	d := description{Name: g.Name, Input: [3]int{in.C, in.H, in.W}, As: g.Input().Name}
	for _, n := range g.Nodes[1:] {
		d.Nodes = append(d.Nodes, n.describe())
	}
	text, err := json.Marshal(d)
	if err != nil {
		return "", fmt.Errorf("describing the network %s: %w", g.Name, err)
	}
	return string(text), nil
}

func (n *Node) describe() nodeDescription {
	d := nodeDescription{Name: n.Name, Op: OpName(n.Op)}
	for _, in := range n.Inputs {
		d.Inputs = append(d.Inputs, in.Name)
	}
	if q := n.Grid; q != nil {
		d.Grid = &gridDescription{q.Low, q.High, q.Learned}
	}
	switch op := n.Op.(type) {
	case Conv:
		d.Out, d.Kernel, d.Stride, d.Padding, d.Groups = op.Out, op.Kernel, op.Stride, op.Padding.describe(), op.Groups
	case Linear:
		d.Out = op.Out
	case BatchNorm:
		d.Epsilon, d.Momentum = op.Epsilon, op.Momentum
	case Clip:
		d.Min, d.Max = op.Min, op.Max
	case LeakyReLU:
		d.Slope = op.Slope
	case MaxPool:
		d.Kernel, d.Stride, d.Padding, d.Ceil = op.Kernel, op.Stride, op.Padding.describe(), op.Ceil
	case AvgPool:
		d.Kernel, d.Stride, d.Padding, d.Ceil, d.Count = op.Kernel, op.Stride, op.Padding.describe(), op.Ceil, op.CountPadding
	case PadShortcut:
		d.Stride, d.Before, d.After = op.Stride, op.Before, op.After
	case Dropout:
		d.P = op.P
	case Quantize:
		d.Bits, d.Zero, d.Learned = op.Bits, int(op.Zero), op.Learned
	}
	return d
}

func (p Padding) describe() *[4]int { return &[4]int{p.Top, p.Left, p.Bottom, p.Right} }

// ParseGraph reads what Describe wrote, and checks names, order, settings and
// shapes. The nodes have no weights yet, so Check fails until the caller sets
// them.
func ParseGraph(text string) (*Graph, error) {
	dec := json.NewDecoder(bytes.NewReader([]byte(text)))
	dec.DisallowUnknownFields()
	var d description
	if err := dec.Decode(&d); err != nil {
		return nil, fmt.Errorf("the network's description: %w; the file is damaged or comes from another version", err)
	}
	if len(d.Nodes) > maxNodes {
		return nil, fmt.Errorf("the network's description has %d nodes: want at most %d", len(d.Nodes), maxNodes)
	}
	in := Shape{d.Input[0], d.Input[1], d.Input[2]}
	if err := in.bounded(); err != nil {
		return nil, fmt.Errorf("the network's description: input: %w", err)
	}
	input := &Node{Name: d.As, Op: Input{}, Shape: in}
	g := &Graph{Name: d.Name, Nodes: []*Node{input}}
	byName := map[string]*Node{input.Name: input}
	total := in.Len()
	for i, nd := range d.Nodes {
		n, err := nd.node(byName)
		if err != nil {
			return nil, fmt.Errorf("the network's description: node %d, %q: %w", i, nd.Name, err)
		}
		if total += n.Shape.Len(); total > maxTotal {
			return nil, fmt.Errorf("the network's description: activations of one image come to more than %d values", maxTotal)
		}
		byName[n.Name] = n
		g.Nodes = append(g.Nodes, n)
	}
	return g, g.checkStructure()
}

// node returns the described node. Its inputs must be among the known nodes.
func (d nodeDescription) node(known map[string]*Node) (*Node, error) {
	op, err := d.op()
	if err != nil {
		return nil, err
	}
	n := &Node{Name: d.Name, Op: op}
	if known[n.Name] != nil {
		return nil, fmt.Errorf("another node has this name")
	}
	var in []Shape
	for _, name := range d.Inputs {
		x := known[name]
		if x == nil {
			return nil, fmt.Errorf("its input %q does not come before it", name)
		}
		n.Inputs, in = append(n.Inputs, x), append(in, x.Shape)
	}
	if n.Shape, err = shapeOf(op, in); err != nil {
		return nil, err
	}
	if err := n.Shape.bounded(); err != nil {
		return nil, err
	}
	if q := d.Grid; q != nil {
		if !IsLayer(op) || q.Low >= 0 || q.High <= 0 {
			return nil, fmt.Errorf("codes from %d to %d: want a layer whose codes go below 0 and above", q.Low, q.High)
		}
		n.Grid = &Grid{Low: q.Low, High: q.High, Learned: q.Learned}
	}
	size := 1
	for _, dim := range n.WeightShape() {
		if size *= dim; size > maxValues {
			return nil, fmt.Errorf("a weight of shape %v: want at most %d values", n.WeightShape(), maxValues)
		}
	}
	return n, nil
}

// bounded returns an error if a shape is impossible.
func (s Shape) bounded() error {
	if s.C < 1 || s.H < 1 || s.W < 1 || s.C > maxDimension || s.H > maxDimension || s.W > maxDimension || s.C*s.H > maxValues/s.W {
		return fmt.Errorf("shape %v: want at least 1 and at most %d values", s, maxValues)
	}
	return nil
}

// op returns the described operator. Its numbers are bounded, so that no size
// computed from them overflows.
func (d nodeDescription) op() (Op, error) {
	var p [4]int
	if d.Padding != nil {
		p = *d.Padding
	}
	for _, v := range append(p[:], d.Out, d.Kernel, d.Stride, d.Groups, d.Before, d.After, d.Bits, d.Zero) {
		if v < 0 || v > maxDimension {
			return nil, fmt.Errorf("the number %d: want 0 to %d", v, maxDimension)
		}
	}
	if v := d.Min + d.Max + d.Slope + float32(d.Epsilon+d.Momentum+d.P); math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
		return nil, fmt.Errorf("a setting is not finite")
	}
	pad := Padding{p[0], p[1], p[2], p[3]}
	for _, op := range described {
		if OpName(op) != d.Op {
			continue
		}
		switch op.(type) {
		case Conv:
			return Conv{d.Out, d.Kernel, d.Stride, pad, d.Groups}, nil
		case Linear:
			return Linear{d.Out}, nil
		case BatchNorm:
			return BatchNorm{d.Epsilon, d.Momentum}, nil
		case Clip:
			return Clip{d.Min, d.Max}, nil
		case LeakyReLU:
			return LeakyReLU{d.Slope}, nil
		case MaxPool:
			return MaxPool{d.Kernel, d.Stride, pad, d.Ceil}, nil
		case AvgPool:
			return AvgPool{d.Kernel, d.Stride, pad, d.Ceil, d.Count}, nil
		case PadShortcut:
			return PadShortcut{d.Stride, d.Before, d.After}, nil
		case Dropout:
			return Dropout{d.P}, nil
		case Quantize:
			return Quantize{d.Bits, uint8(min(d.Zero, 255)), d.Learned}, nil
		}
		return op, nil // it has no settings
	}
	return nil, fmt.Errorf("operator %q is unknown; the file comes from another version", d.Op)
}

// described lists the operators that a description can have.
var described = []Op{
	Conv{}, Linear{}, BatchNorm{}, ReLU{}, Clip{}, LeakyReLU{}, Sigmoid{}, SiLU{}, HardSigmoid{}, HardSwish{},
	Add{}, Mul{}, Concat{}, MaxPool{}, AvgPool{}, GlobalAvgPool{}, Flatten{}, PadShortcut{}, Dropout{}, Quantize{},
}
