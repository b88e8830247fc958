package cost

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"espalier/compress/prune"
	"espalier/compress/quantize"
	"espalier/model"
	"espalier/model/kernel"
	"espalier/model/weights"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func network(t *testing.T, depth int) *model.Graph {
	t.Helper()
	g, err := model.ResNet(model.Arch{Depth: depth, Shortcut: model.Projection, Classes: 10})
	if err != nil {
		t.Fatal(err)
	}
	g.Init(1)
	return g
}

func engine(t *testing.T) *model.Engine {
	e := model.NewEngine(kernel.All()[0], 1, model.Auto)
	t.Cleanup(e.Close)
	return e
}

// TestCount holds ResNet-20 to numbers that are known of it: 272,474 parameters
// and 40.81 million MACs with projections. Its values are largest in the first
// stage, where the input of a block, the value between its convolutions and the
// one that is computed are needed at a time, each [16][32][32].
func TestCount(t *testing.T) {
	g := network(t, 20)
	l := g.Node("layer1.0.conv1")
	for i := range len(l.Weight) / 2 {
		l.Weight[i] = 0
	}
	c, err := Count(Network{Float: g})
	if err != nil {
		t.Fatal(err)
	}
	const map16 = 16 * 32 * 32
	zero := len(l.Weight) / 2
	if c.Parameters != g.ParameterCount() || c.Weights != 270_896 || c.NonZero != 270_896-zero ||
		c.MACs != g.MACs() || c.EffectiveMACs != g.MACs()-int64(zero)*32*32 || c.FLOPs != 2*c.MACs || c.Activations != 3*4*map16 {
		t.Errorf("%+v", c)
	}
	q, err := Quantized(network(t, 20), engine(t))
	if err != nil {
		t.Fatal(err)
	}
	i, err := Count(Network{Integer: q})
	if err != nil {
		t.Fatal(err)
	}
	if i.Weights != c.Weights || i.MACs != c.MACs || i.Activations != 3*map16 || i.Bytes.Dense >= c.Bytes.Dense/2 || len(i.Layers) != len(c.Layers) {
		t.Errorf("%+v", i)
	}
}

// TestPeak counts a diamond by hand: while d is computed of b and c, a is gone.
func TestPeak(t *testing.T) {
	a, b, c, d := value{bytes: 100}, value{5, []int{0}}, value{7, []int{0}}, value{6, []int{1, 2}}
	if have := peak([]value{a, b, c, d}); have != 112 {
		t.Errorf("%d bytes", have)
	}
}

// TestBytes holds sizes to the files that are written.
func TestBytes(t *testing.T) {
	g := network(t, 8)
	if err := prune.Magnitude(g, 0.9, prune.Edges{}); err != nil {
		t.Fatal(err)
	}
	q, err := Quantized(g, engine(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []Network{{Float: g, Metadata: map[string]string{"dataset": "cifar10"}}, {Integer: q}} {
		folder := t.TempDir()
		dense, sparse := filepath.Join(folder, "dense"), filepath.Join(folder, "sparse")
		if n.Float != nil {
			err = weights.Save(dense, g, n.Metadata)
		} else {
			err = quantize.Save(dense, q, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := n.WriteSparse(sparse); err != nil {
			t.Fatal(err)
		}
		c, err := Count(n)
		if err != nil {
			t.Fatal(err)
		}
		b := c.Bytes
		for file, want := range map[string]int64{dense: b.Dense, sparse: b.Sparse} {
			if info, err := os.Stat(file); err != nil || info.Size() != want {
				t.Errorf("%s has %v bytes, want %d", file, info, want)
			}
		}
		if !(b.Sparse < b.Dense*2/3 && b.Zstd < b.Dense && b.Gzip < b.Dense) {
			t.Errorf("%+v", b)
		}
	}
}

// TestMeasure measures a dense and a pruned network; how fast they are stays open.
func TestMeasure(t *testing.T) {
	o := Options{Kernels: kernel.All()[0], Threads: 2, Time: time.Millisecond, Layers: true}
	pruned := network(t, 8)
	if err := prune.Magnitude(pruned, 0.95, prune.Edges{}); err != nil {
		t.Fatal(err)
	}
	few := network(t, 8)
	few.Node("layer1.0.conv1").Weight[0] = 0
	q, err := Quantized(few, engine(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		n     Network
		forms []string
		note  string // that must be there
	}{
		{"dense", Network{Float: network(t, 8)}, []string{Float, Integer}, ""},
		{"pruned", Network{Float: pruned}, []string{Float, Sparse, Integer}, ""},
		{"a zero", Network{Float: few}, []string{Float, Integer}, "too few zeros"},
		{"integers", Network{Integer: q}, []string{Integer}, ""},
	} {
		r, err := Measure(context.Background(), c.n, o)
		if err != nil {
			t.Fatal(err)
		}
		if want := 3 * len(c.forms); len(r.Speeds) != want {
			t.Errorf("%s: %d speeds, want %d", c.name, len(r.Speeds), want)
		}
		for _, form := range c.forms {
			for _, at := range [][2]int{{1, 1}, {1, 2}, {Batch, 2}} {
				s, ok := r.Speed(form, at[0], at[1])
				if !ok || !(0 < s.Low && s.Low <= s.Seconds && s.Seconds <= s.High) || s.Repetitions < MinRepetitions {
					t.Errorf("%s: %s, %d images on %d threads: %+v", c.name, form, at[0], at[1], s)
				}
			}
			one, _ := r.Speed(form, 1, 1)
			var sum float64
			for _, l := range r.Layers {
				if !(l.Seconds[form] > 0) {
					t.Errorf("%s: no time for %s in %s", c.name, l.Name, form)
				}
				sum += l.Seconds[form]
			}
			if sum > 3*one.Seconds { // other tests run beside this one
				t.Errorf("%s: the layers take %g s together, the network %g s", c.name, sum, one.Seconds)
			}
		}
		if c.note != "" && !strings.Contains(strings.Join(r.Notes, "\n"), c.note) {
			t.Errorf("%s: notes %q", c.name, r.Notes)
		}
	}
	o.Patience = time.Nanosecond
	if r, err := Measure(context.Background(), Network{Float: few}, o); err != nil || len(r.Speeds) != 4 {
		t.Errorf("without patience: %v, %v", r, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Measure(ctx, Network{Float: few}, o); err == nil {
		t.Error("a cancelled measurement goes on")
	}
}

// TestNotes tells from times what does not pay.
func TestNotes(t *testing.T) {
	speed := func(form string, ms float64) Speed {
		return Speed{Form: form, Batch: 1, Threads: 1, Seconds: ms / 1e3, Low: ms / 1e3 * 0.98, High: ms / 1e3 * 1.02}
	}
	g := &model.Graph{}
	for _, c := range []struct {
		name                   string
		float, sparse, integer float64
		want                   string
	}{
		{"all pay", 3, 2, 1, ""},
		{"lists are slow", 3, 4, 1, "sparsity does not pay in time here: an image takes 4 ms"},
		{"lists are alike", 3, 2.99, 1, "cannot be told from the noise"},
		{"int8 is slow", 3, 2, 5, "int8 is slower than sparse fp32 here: an image takes 5 ms"},
		{"int8 is like fp32", 3, 2, 2, "beyond the noise"},
	} {
		m := measuring{float: g, full: g, report: &Report{Speeds: []Speed{speed(Float, c.float), speed(Sparse, c.sparse), speed(Integer, c.integer)}}}
		have := strings.Join(m.notes(), "\n")
		if c.want == "" && have != "" || !strings.Contains(have, c.want) {
			t.Errorf("%s: %q", c.name, have)
		}
	}
}

// TestWithoutZeros: the copy is computed densely, and the network stays as it is.
func TestWithoutZeros(t *testing.T) {
	g := network(t, 8)
	if err := prune.Magnitude(g, 0.95, prune.Edges{}); err != nil {
		t.Fatal(err)
	}
	e := engine(t)
	zero, _ := g.Sparsity()
	full := WithoutZeros(g)
	if now, possible := model.NewEvaluator(full, e, 1).Sparse(); now || !possible {
		t.Error("the copy is computed by lists")
	}
	if now, _ := model.NewEvaluator(g, e, 1).Sparse(); !now {
		t.Error("the pruned network is computed densely")
	}
	if after, _ := g.Sparsity(); after != zero || zero == 0 {
		t.Errorf("%d zeros, then %d", zero, after)
	}
}
