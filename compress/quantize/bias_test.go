package quantize

import (
	"math"
	"testing"

	"espalier/model"
	float64s "espalier/model/reference"
)

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
