package prune

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"slices"
	"time"

	"espalier/internal/atomicfile"
	"espalier/model"
)

// A LatencyTable holds how long layers of different widths take for one image on
// one machine. It measures a layer when it is first asked for it, so that a table
// that is kept in a file serves the next budget and the next network.
type LatencyTable struct {
	Machine string             `json:"machine"` // and the kernels, in words; others' times mean nothing here
	Layers  map[string]float64 `json:"layers"`  // seconds, by the layer's form
	// Networks are whole networks that were measured, by the dense one's form: what
	// the layers' times come to and what the network took.
	Networks map[string][]Measured `json:"networks"`

	known      map[layerWidth]float64 // the times of layers asked for before
	layerAlone func(op model.Op, in model.Shape) (seconds float64, err error)
	network    func(ctx context.Context, g *model.Graph, runs int) (seconds float64, err error)
}

// Measured is a network's time for one image, in seconds: foretold as the sum of
// its layers' and measured as a whole.
type Measured struct {
	Layers  float64 `json:"layers"`
	Network float64 `json:"network"`
}

// A layerWidth is a layer of a network with so many channels.
type layerWidth struct {
	node    *model.Node
	in, out int
}

// NewLatencyTable returns an empty table for what e computes with.
func NewLatencyTable(machine string, e *model.Engine) *LatencyTable {
	return &LatencyTable{
		Machine: machine + ", " + e.Kernels.Name, Layers: map[string]float64{}, Networks: map[string][]Measured{},
		known:      map[layerWidth]float64{},
		layerAlone: func(op model.Op, in model.Shape) (float64, error) { return timeLayer(e, op, in) },
		network: func(ctx context.Context, g *model.Graph, runs int) (float64, error) {
			return Latency(ctx, full(g), e, runs)
		},
	}
}

// ReadLatencyTable reads a table of this machine. Where the file is not there yet,
// or is another machine's, the table is empty.
func ReadLatencyTable(path, machine string, e *model.Engine) (*LatencyTable, error) {
	fresh := NewLatencyTable(machine, e)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fresh, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the latency table: %w", err)
	}
	t := NewLatencyTable(machine, e)
	if err := json.Unmarshal(text, t); err != nil {
		return nil, fmt.Errorf("reading the latency table %s: %w; delete it, and it is measured anew", path, err)
	}
	if t.Machine != fresh.Machine || t.Layers == nil || t.Networks == nil {
		return fresh, nil
	}
	return t, nil
}

// Save writes the table.
func (t *LatencyTable) Save(path string) error {
	return atomicfile.Write(path, func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", " ")
		return e.Encode(t)
	})
}

// layerTime is for how long a layer is measured, and least how many times.
const (
	layerTime = 15 * time.Millisecond
	layerRuns = 15
)

// layer returns the time of a convolution or linear layer with in input and out
// output channels, of each group where a convolution has groups. Widths are taken
// as they are: 24 channels fill two blocks of 16 as 32 do, but may be computed by
// another algorithm.
func (t *LatencyTable) layer(n *model.Node, in, out int) (float64, error) {
	x := n.Inputs[0].Shape
	var what string
	op := n.Op
	switch o := n.Op.(type) {
	case model.Conv:
		if depthwise(n) {
			in, o.Groups = out, out
		} else {
			in, out = in*o.Groups, out*o.Groups
		}
		o.Out = out
		op = o
		what = fmt.Sprintf("conv %d×%d/%d, padding %v, %d groups, %d→%d at %d×%d", o.Kernel, o.Kernel, o.Stride, o.Padding, o.Groups, in, out, x.H, x.W)
	case model.Linear:
		op = model.Linear{Out: out}
		what = fmt.Sprintf("linear %d→%d", in, out)
	}
	if seconds, ok := t.Layers[what]; ok {
		return seconds, nil
	}
	x.C = in
	seconds, err := t.layerAlone(op, x)
	if err != nil {
		return 0, fmt.Errorf("measuring the layer %s: %w", what, err)
	}
	t.Layers[what] = seconds
	return seconds, nil
}

// timeLayer times a layer in a network of nothing else, with a ReLU behind a
// convolution.
func timeLayer(e *model.Engine, op model.Op, in model.Shape) (float64, error) {
	b := model.NewBuilder("one layer", in)
	x := b.Bias(b.Add("layer", op, b.Input()))
	if _, ok := op.(model.Conv); ok {
		b.Add("pool", model.GlobalAvgPool{}, b.Add("relu", model.ReLU{}, x))
	}
	g, err := b.Graph()
	if err != nil {
		return 0, err
	}
	g.Init(1)
	v := model.NewEvaluator(g, e, 1)
	image, logits := noise(g, 1)
	var times []time.Duration
	for began := time.Now(); len(times) < layerRuns || time.Since(began) < layerTime; {
		for _, s := range v.Profile(logits, image) {
			if s.Node == "layer" { // with its ReLU
				times = append(times, s.Time)
			}
		}
	}
	return median(times[len(times)/5:]), nil // the first ones warm up
}

// noise returns an image of random values and room for a network's logits.
func noise(g *model.Graph, n int) (x, logits []float32) {
	r := rand.New(rand.NewPCG(1, 0))
	x = make([]float32, n*g.Input().Shape.Len())
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x, make([]float32, n*g.Classes())
}

func median(times []time.Duration) float64 {
	slices.Sort(times)
	return times[len(times)/2].Seconds()
}

// sum returns what the layers of a network take when so many channels of each
// group stay. It measures those that it does not know, unless the context has ended.
func (t *LatencyTable) sum(ctx context.Context, c *Channels, counts []int) (float64, error) {
	total := 0.0
	for _, n := range c.Graph.Layers() {
		in, out := c.width(n.Inputs[0], counts), c.width(n, counts)
		if op, ok := n.Op.(model.Conv); ok && !depthwise(n) {
			in, out = in/op.Groups, out/op.Groups
		}
		width := layerWidth{n, in, out}
		if _, ok := t.known[width]; !ok {
			if err := ctx.Err(); err != nil {
				return 0, err
			}
			seconds, err := t.layer(n, in, out)
			if err != nil {
				return 0, err
			}
			t.known[width] = seconds
		}
		total += t.known[width]
	}
	return total, nil
}

// leastTime is for how long a network is measured at least.
const leastTime = 300 * time.Millisecond

// Latency measures a network for one image: the median of the runs, in seconds, after
// some to warm up. There are at least so many runs as are asked for. It ends early
// with the context's error.
func Latency(ctx context.Context, g *model.Graph, e *model.Engine, runs int) (float64, error) {
	v := model.NewEvaluator(g, e, 1)
	x, logits := noise(g, 1)
	for began := time.Now(); time.Since(began) < leastTime/10; {
		v.Logits(logits, x)
	}
	var times []time.Duration
	for began := time.Now(); len(times) < runs || time.Since(began) < leastTime; {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		start := time.Now()
		v.Logits(logits, x)
		times = append(times, time.Since(start))
	}
	return median(times), nil
}

// form tells networks apart by what their speed depends on.
func form(g *model.Graph) string {
	text, err := g.Describe()
	if err != nil {
		return g.Name
	}
	return text
}
