package quantize

import (
	"errors"
	"maps"
	"math"
	"testing"

	"espalier/model"
)

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
	want := map[string]bool{NoRepair: true, Equalisation: true, AdaptiveRounding: false, BiasCorrection: true}
	if !maps.Equal(kept, want) || len(told) != len(tried) {
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
