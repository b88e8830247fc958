package quantize

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"espalier/model"
	float64s "espalier/model/reference"
)

// drawn gives a graph random weights and batch norms, with channels of very
// different ranges.
func drawn(t testing.TB, b *model.Builder) *model.Graph {
	t.Helper()
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(3, 4))
	for _, n := range g.Nodes {
		for i := range n.Weight {
			if n.IsLayer() {
				wide := math.Exp(2 * math.Sin(float64(i/n.Fan())))
				n.Weight[i] = float32(r.NormFloat64() * wide / math.Sqrt(float64(n.Fan())))
			} else {
				n.Weight[i] = float32(0.2 + r.Float64())
			}
		}
		for i := range n.Bias {
			n.Bias[i] = float32(r.NormFloat64() / 8)
		}
		for i := range n.Mean {
			n.Mean[i], n.Var[i] = float32(r.NormFloat64()), float32(0.5+r.Float64())
		}
	}
	return g
}

// separable is a network with a depthwise convolution and a clipping, as
// MobileNet's.
func separable(t testing.TB, act model.Op) *model.Graph {
	b := model.NewBuilder("separable", model.Shape{C: 3, H: 8, W: 8})
	x := b.Input()
	conv := func(name string, out, kernel, groups int) {
		x = b.Norm(name+".bn", b.Add(name, model.Conv{Out: out, Kernel: kernel, Stride: 1, Padding: model.Pad2D(kernel / 2), Groups: groups}, x))
		x = b.Add(name+".act", act, x)
	}
	conv("expand", 24, 1, 1)
	conv("depthwise", 24, 3, 24)
	conv("project", 16, 1, 1)
	x = b.Add("pool", model.GlobalAvgPool{}, x)
	b.Add("fc", model.Linear{Out: 10}, b.Add("flatten", model.Flatten{}, x))
	return drawn(t, b)
}

func wideOf(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

func normals(n int, seed uint64) []float32 {
	r := rand.New(rand.NewPCG(seed, seed))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// TestEqualise: the network computes the same, in float64; each pair's ranges are
// equal, which is the definition's fixed point; one pass over one pair is
// √(r1·r2) to the bit of float64.
func TestEqualise(t *testing.T) {
	g := separable(t, model.ReLU{})
	f, pairs := equalise(g)
	if len(pairs) != 3 {
		t.Fatalf("pairs %v", pairs)
	}
	// Here no bias is high.
	for _, p := range pairs {
		if p.Absorbed > 0 {
			t.Errorf("%+v absorbed", p)
		}
	}
	x := wideOf(normals(4*3*64, 1))
	want, got := float64s.From(g).Logits(4, x), float64s.From(f).Logits(4, x)
	for i := range want {
		if math.Abs(want[i]-got[i]) > 1e-4*(1+math.Abs(want[i])) {
			t.Errorf("logit %d: %g, before %g", i, got[i], want[i])
		}
	}
	spread := func(g *model.Graph) (worst float64) {
		for _, p := range pairsOf(g.ForInference()) {
			fan := p.first.Fan()
			for c := range p.first.Out() {
				r1, r2 := maxAbs(p.first.Weight[c*fan:(c+1)*fan]), float32(0)
				p.reads(c, func(i, _ int) { r2 = max(r2, p.second.Weight[i], -p.second.Weight[i]) })
				worst = max(worst, math.Abs(math.Log(float64(r1)/float64(r2))))
			}
		}
		return worst
	}
	if before, after := spread(g), spread(f); before < 1 || after > 0.02 {
		t.Errorf("log of a pair's ranges: %g before, %g after", before, after)
	}
	// One pair against the formula.
	p := pairsOf(g.ForInference())[0]
	own, next := wideOf(p.first.Weight), wideOf(p.second.Weight)
	bias := wideOf(p.first.Bias)
	p.equalise(nil)
	for c := range 24 {
		var r1, r2 float64
		for _, w := range own[c*3 : c*3+3] {
			r1 = max(r1, math.Abs(w))
		}
		for _, w := range next[c*9 : c*9+9] {
			r2 = max(r2, math.Abs(w))
		}
		s := math.Sqrt(r1 / r2)
		if got, want := p.first.Weight[c*3], float32(own[c*3]/s); got != want {
			t.Errorf("channel %d: weight %g, want %g", c, got, want)
		}
		if got, want := p.second.Weight[c*9+4], float32(next[c*9+4]*s); got != want {
			t.Errorf("channel %d: next layer's weight %g, want %g", c, got, want)
		}
		if got, want := p.first.Bias[c], float32(bias[c]/s); got != want {
			t.Errorf("channel %d: bias %g, want %g", c, got, want)
		}
	}
	// A clipping becomes a ReLU.
	clipped, _ := equalise(separable(t, model.Clip{Max: 6}))
	if op := clipped.Node("expand.act").Op; op != (model.ReLU{}) {
		t.Errorf("between equalised layers: %v", op)
	}
}

// TestAbsorb: a channel far above 0 gives its bias to the next layer, and the logits
// stay. A pool that counts the zeros around a map would pass less of it on at the
// edges: there it stays where it is.
func TestAbsorb(t *testing.T) {
	for counted, absorbed := range map[bool]int{false: 8, true: 0} {
		b := model.NewBuilder("high", model.Shape{C: 3, H: 8, W: 8})
		x := b.Norm("bn", b.Add("a", model.Conv{Out: 8, Kernel: 1, Stride: 1, Groups: 1}, b.Input()))
		x = b.Add("relu", model.ReLU{}, x)
		x = b.Add("mean", model.AvgPool{Kernel: 3, Stride: 1, Padding: model.Pad2D(1), CountPadding: counted}, x)
		x = b.Bias(b.Add("b", model.Conv{Out: 5, Kernel: 1, Stride: 1, Groups: 1}, x))
		b.Add("flatten", model.Flatten{}, b.Add("pool", model.GlobalAvgPool{}, x))
		g := drawn(t, b)
		for i := range g.Node("a").Weight {
			g.Node("a").Weight[i] /= 50
		}
		norm := g.Node("bn")
		for c := range norm.Bias { // no value is 3·γ below 40
			norm.Bias[c], norm.Mean[c], norm.Weight[c] = 40, 0, 1
		}
		f, pairs := equalise(g)
		if len(pairs) != 1 || pairs[0].Absorbed != absorbed {
			t.Errorf("padding counted %v: pairs %+v, want %d absorbed", counted, pairs, absorbed)
		}
		images := wideOf(normals(2*3*64, 2))
		want, got := float64s.From(g).Logits(2, images), float64s.From(f).Logits(2, images)
		for i := range want {
			if math.Abs(want[i]-got[i]) > 1e-4*(1+math.Abs(want[i])) {
				t.Errorf("padding counted %v: logit %d is %g, before %g", counted, i, got[i], want[i])
			}
		}
	}
}

// TestCorrectBiases: the mean logits over the calibration images are those of the
// float network, and every layer's mean output is, by its definition in float64.
func TestCorrectBiases(t *testing.T) {
	g, x := randomNetwork(t, model.Projection, 24)
	e := testEngine(t, "")
	r := lab
	r.PerTensor, r.IntegerBias = true, false
	q := mustBuild(t, g, calibrated(t, g, x, MinMax), r)
	v := model.NewEvaluator(g, e, CalibrationBatch)
	means := func(logits []float32) []float64 {
		m := make([]float64, 10)
		for i, y := range logits {
			m[i%10] += float64(y) / 24
		}
		return m
	}
	float, integer := make([]float32, 240), make([]float32, 240)
	v.Logits(float, x)
	want := means(float)
	off := func() (worst float64) {
		NewEvaluator(q, e).Logits(integer, x)
		for i, m := range means(integer) {
			worst = max(worst, math.Abs(m-want[i]))
		}
		return worst
	}
	before := off()
	shifts, err := correctBiases(q, g, v, e, x, noBreak)
	if after := off(); err != nil || before < 1e-2 || after > 1e-4 || len(shifts) != len(q.Layers()) {
		t.Errorf("mean logits are off by %g, before by %g; %d layers", after, before, len(shifts))
	}
	// A layer with padding, against the sums that define it.
	values := float64s.From(g.ForInference()).Values(24, wideOf(x))
	l := q.Node("layer2.0.conv1")
	weight := g.ForInference().Node(l.Name).Weight
	got := meanOutputs(l, weight, narrow(values["layer1.0.relu2"]))
	bias := g.ForInference().Node(l.Name).Bias
	size := l.Shape.H * l.Shape.W
	for k, mean := range got {
		var sum float64
		for i, y := range values[l.Name] {
			if i/size%l.Shape.C == k {
				sum += y
			}
		}
		if want := sum/float64(24*size) - float64(bias[k]); math.Abs(mean-want) > 1e-5*(1+math.Abs(want)) {
			t.Errorf("channel %d: mean %g, want %g", k, mean, want)
		}
	}
}

func narrow(x []float64) []float32 {
	y := make([]float32, len(x))
	for i, v := range x {
		y[i] = float32(v)
	}
	return y
}

// TestClippedMean compares with sums over the density.
func TestClippedMean(t *testing.T) {
	inf := math.Inf(1)
	for _, c := range [][4]float64{{0, 1, 0, inf}, {-1, 0.5, 0, inf}, {3, 2, 0, 6}, {7, 3, 0, 6}, {0.3, 1, -inf, inf}, {-2, 0, 0, 6}} {
		var sum, total float64
		if c[1] == 0 {
			sum, total = min(max(c[0], c[2]), c[3]), 1
		} else {
			const n = 200001
			for i := range n {
				z := -10 + 20*float64(i)/(n-1)
				p := math.Exp(-z * z / 2)
				sum += p * min(max(c[0]+c[1]*z, c[2]), c[3])
				total += p
			}
		}
		if got, want := clippedMean(c[0], c[1], c[2], c[3]), sum/total; math.Abs(got-want) > 1e-6 {
			t.Errorf("mean of %v is %g, want %g", c, got, want)
		}
	}
}

// TestCorrectBiasesAnalytically: a layer behind batch norm and ReLU moves by
// Σ (W − Ŵ)·E[x], any other does not.
func TestCorrectBiasesAnalytically(t *testing.T) {
	g := separable(t, model.ReLU{})
	x := normals(8*3*64, 5)
	e := testEngine(t, "")
	r := lab
	r.IntegerBias = false
	var c *Calibration
	err := Calibrate(model.NewEvaluator(g, e, 8), e, r.Observers(g), []string{MinMax}, func(first, n int) ([]float32, error) { return x[first*192 : (first+n)*192], nil }, []int{8}, func(found *Calibration) error {
		c = found
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	q := mustBuild(t, g, c, r)
	before := q.clone()
	moved := correctBiasesAnalytically(q, g)
	if len(moved) != 3 || moved[0].Layer != "depthwise" || moved[2].Layer != "fc" {
		t.Fatalf("moved %+v", moved)
	}
	norm, w, n := g.Node("expand.bn"), g.ForInference().Node("depthwise").Weight, q.Node("depthwise")
	for k := range n.Bias {
		beta, gamma := float64(norm.Bias[k]), math.Abs(float64(norm.Weight[k]))
		mean := gamma*math.Exp(-beta*beta/gamma/gamma/2)/math.Sqrt(2*math.Pi) + beta*(1-math.Erfc(beta/gamma/math.Sqrt2)/2)
		var want float64
		for i := k * 9; i < k*9+9; i++ {
			want += (float64(w[i]) - float64(n.Scale[k])*float64(n.Weight[i])) * mean
		}
		if got := float64(n.Bias[k]) - float64(before.Node("depthwise").Bias[k]); math.Abs(got-want) > 1e-6 {
			t.Errorf("channel %d moved by %g, want %g", k, got, want)
		}
	}
}

// TestAdaRound: the error of every layer of every network falls, and is the one that
// its definition gives in float64; codes move by one at most, zeros not at all.
func TestAdaRound(t *testing.T) {
	images := loadZooImages(t)
	names := zooNetworks
	if testing.Short() {
		names = names[1:2]
	}
	for _, name := range names {
		g := zooGraph(t, name)
		folded := g.ForInference()
		for i := range folded.Layers()[1].Weight[:5] {
			folded.Layers()[1].Weight[i] = 0
		}
		x := images.train[:16*pixels]
		e := testEngine(t, "")
		q := mustBuild(t, folded, calibrated(t, folded, x, MinMax), lab)
		before := q.clone()
		found, err := adaRound(q, folded, model.NewEvaluator(folded, e, 16), e, x, noBreak)
		if err != nil || len(found) != len(q.Layers()) {
			t.Fatalf("%s: %d layers, error %v", name, len(found), err)
		}
		for i, l := range q.Layers() {
			t.Logf("%s %s: error %.4g, rounded to the nearest %.4g", name, l.Name, found[i].After, found[i].Before)
			if found[i].Layer != l.Name || !(found[i].After < found[i].Before) {
				t.Errorf("%s: %+v did not fall", l.Name, found[i])
			}
			weight, old := folded.Node(l.Name).Weight, before.Node(l.Name)
			for k, code := range l.Weight {
				if d := int(code) - int(old.Weight[k]); d < -1 || d > 1 || weight[k] == 0 && d != 0 {
					t.Fatalf("%s: code %d became %d, of weight %g", l.Name, old.Weight[k], code, weight[k])
				}
			}
		}
		// By definition, for a layer of few pixels.
		l := q.Layers()[len(found)-2]
		p := newPatcher(l.Op, l.Inputs[0].Shape, l.Shape)
		var values []float32
		model.NewEvaluator(folded, e, 16).Observe(x, func(point string, rows model.Rows) {
			if point == l.Inputs[0].Point() {
				values = planes(rows, l.Inputs[0].Shape, 16)
			}
		})
		var sum float64
		n := 0
		p.each(values, 0, roundingPatches, func(patch []float32) {
			n++
			for k := range l.Shape.C {
				var y float64
				for i, v := range patch {
					at := k*p.fan + i
					y += float64(v) * (float64(folded.Node(l.Name).Weight[at]) - float64(l.Scale[k])*float64(l.Weight[at]))
				}
				sum += y * y / float64(l.Shape.C)
			}
		})
		if got, want := found[len(found)-2].After, sum/float64(n); math.Abs(got-want) > 1e-3*want {
			t.Errorf("%s %s: error %g, by definition %g", name, l.Name, got, want)
		}
	}
}

// TestPatches compares the outputs that patches give with the reference's.
func TestPatches(t *testing.T) {
	g := separable(t, model.ReLU{})
	f := g.ForInference()
	x := normals(2*3*64, 9)
	values := float64s.From(f).Values(2, wideOf(x))
	for name, input := range map[string]string{"expand": "input", "depthwise": "expand.act", "fc": "flatten"} {
		n := f.Node(name)
		p := newPatcher(n.Op, n.Inputs[0].Shape, n.Shape)
		outs := n.Shape.C / p.groups
		size := n.Shape.H * n.Shape.W
		for group := range p.groups {
			at := 0
			p.each(narrow(values[input]), group, 1<<30, func(patch []float32) {
				for k := group * outs; k < (group+1)*outs; k++ {
					y := float64(n.Bias[k])
					for i, v := range patch {
						y += float64(v) * float64(n.Weight[k*p.fan+i])
					}
					if want := values[name][at/size*n.Shape.Len()+k*size+at%size]; math.Abs(y-want) > 1e-4*(1+math.Abs(want)) {
						t.Fatalf("%s: output %d of channel %d is %g, want %g", name, at, k, y, want)
					}
				}
				at++
			})
		}
	}
}

// TestRepair: what does not help on the held-out images is not kept, what does is,
// and the network that is returned is the one that was judged last.
func TestRepair(t *testing.T) {
	g := separable(t, model.ReLU{})
	x := normals(40*3*64, 6)
	e := testEngine(t, "")
	r := lab
	r.PerTensor = true
	var judged []*Network
	losses := []float64{5, 3, 4, 2} // none, equalise, adaround, bias
	rights := []float64{0.3, 0.3, 0.9, 0.4}
	var told []Repaired
	repairer := Repairer{
		Recipe: r, Observer: MinMax, Engine: e, Count: 40,
		Images: func(first, n int) ([]float32, error) { return x[first*192 : (first+n)*192], nil },
		Judge: func(n *Network) (Measurement, error) {
			judged = append(judged, n)
			return Measurement{Loss: losses[len(judged)-1], Top1: rights[len(judged)-1]}, nil
		},
		Tried:   func(d Repaired) { told = append(told, d) },
		Between: noBreak,
	}
	n, tried, err := repairer.Repair(g, Repairs())
	if err != nil {
		t.Fatal(err)
	}
	kept := map[string]bool{}
	for _, d := range tried {
		kept[d.Name] = d.Kept
	}
	want := map[string]bool{"none": true, Equalisation: true, AdaptiveRounding: false, BiasCorrection: true}
	if len(kept) != len(want) || kept[Equalisation] != true || kept[AdaptiveRounding] || !kept[BiasCorrection] || len(told) != len(tried) {
		t.Errorf("tried %+v, want %v", tried, want)
	}
	if n != judged[3] {
		t.Error("another network than the best was returned")
	}
	// Rounding that was not kept is in no later network.
	for i, l := range n.Layers() {
		for k, code := range l.Weight {
			if code != judged[1].Layers()[i].Weight[k] {
				t.Fatalf("%s: code %d is %d, and %d before what was not kept", l.Name, k, code, judged[1].Layers()[i].Weight[k])
			}
		}
	}
	for list, want := range map[string]int{"auto": 4, "bias,equalise": 2} {
		if names, err := RepairsNamed(list); err != nil || len(names) != want || names[0] != Equalisation {
			t.Errorf("%s: %v, error %v", list, names, err)
		}
	}
	if _, err := RepairsNamed("bias,magic"); err == nil {
		t.Error("an unknown repair is taken")
	}
}

func noBreak() error { return nil }

// TestRepairEndsBetweenLayers: an interruption ends a repair before its next layer,
// with the interruption's error.
func TestRepairEndsBetweenLayers(t *testing.T) {
	g := separable(t, model.ReLU{})
	x, e := normals(8*3*64, 6), testEngine(t, "")
	stopped := errors.New("stopped")
	for _, name := range []string{AdaptiveRounding, BiasCorrection} {
		layers, judged := 0, 0
		repairer := Repairer{
			Recipe: lab, Observer: MinMax, Engine: e, Count: 8,
			Images: func(first, n int) ([]float32, error) { return x[first*192 : (first+n)*192], nil },
			Judge:  func(*Network) (Measurement, error) { judged++; return Measurement{}, nil },
			Between: func() error {
				if layers++; layers == 3 {
					return stopped
				}
				return nil
			},
		}
		if _, _, err := repairer.Repair(g, []string{name}); !errors.Is(err, stopped) || layers != 3 || judged != 1 {
			t.Errorf("%s: error %v at layer %d, %d networks judged", name, err, layers, judged)
		}
	}
}

// TestRepairFewBits: rounding and biases are repaired at 4 bits, too, within the
// codes that these have.
func TestRepairFewBits(t *testing.T) {
	g, x := randomNetwork(t, model.Projection, 24)
	e := testEngine(t, "")
	r, err := lab.WithWidths(Spread(g, Width{4, 4}, Eight))
	if err != nil {
		t.Fatal(err)
	}
	r.IntegerBias = false
	q := mustBuild(t, g, calibrated(t, g, x, MinMax), r)
	v := model.NewEvaluator(g, e, 24)
	layers, err := adaRound(q, g, v, e, x, noBreak)
	if err != nil || len(layers) != len(q.Layers()) {
		t.Fatalf("%d layers, error %v", len(layers), err)
	}
	for i, l := range q.Layers() {
		if !(layers[i].After < layers[i].Before) {
			t.Errorf("%s: %+v did not fall", l.Name, layers[i])
		}
		for k, code := range l.Weight {
			if l.WeightBits == 4 && (code < -8 || code > 7) {
				t.Fatalf("%s: weight %d has code %d", l.Name, k, code)
			}
		}
	}
	if _, err := correctBiases(q, g, v, e, x, noBreak); err != nil {
		t.Fatal(err)
	}
	float, integer := make([]float32, 240), make([]float32, 240)
	v.Logits(float, x)
	NewEvaluator(q, e).Logits(integer, x)
	for class := range 10 {
		var off float64
		for i := class; i < 240; i += 10 {
			off += float64(integer[i]-float[i]) / 24
		}
		if math.Abs(off) > 1e-4 {
			t.Errorf("class %d: the mean logit is off by %g", class, off)
		}
	}
}
