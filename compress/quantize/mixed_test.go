package quantize

import (
	"slices"
	"testing"

	"espalier/model"
)

// TestSteepest takes the cheapest byte first, and jumps over a number of bits that
// costs more than fewer bits do.
func TestSteepest(t *testing.T) {
	layers := []*Node{
		{Name: "a", Op: model.Linear{Out: 1}, Weight: make([]int8, 800), WeightBits: 8},
		{Name: "b", Op: model.Linear{Out: 1}, Weight: make([]int8, 80), WeightBits: 8},
	}
	rise := map[setting]float64{
		{"a", 6}: 0.2, {"a", 4}: 0.1, {"a", 3}: 0.5, {"a", 2}: 2,
		{"b", 6}: -0.1, {"b", 4}: 0.01, {"b", 3}: 0.1, {"b", 2}: 0.2,
	}
	path := steepest(layers, rise)
	var got []setting
	for _, s := range path {
		got = append(got, setting{s.layer, s.to})
	}
	// b's 6 bits cost nothing. a's 4 bits cost 0.1 for 400 bytes, and its 6 bits more;
	// then come 0.4 for 100, 0.11 for 20, 0.09 for 10, 0.1 for 10 and 1.5 for 100.
	want := []setting{{"b", 6}, {"a", 4}, {"a", 3}, {"b", 4}, {"b", 3}, {"b", 2}, {"a", 2}}
	if !slices.Equal(got, want) {
		t.Errorf("path is %v, want %v", got, want)
	}
	if bits := along(path); bits["a"] != 2 || bits["b"] != 2 {
		t.Errorf("the path ends at %v", bits)
	}
}

// TestMix fits budgets of bytes, takes no more than they need, and keeps a drop.
func TestMix(t *testing.T) {
	n, x := randomNetwork(t, model.Pad, 48)
	c := calibrated(t, n, x, MinMax)
	e := testEngine(t, "")
	classes := n.Classes()
	labels := make([]uint16, len(x)/pixels)
	float := make([]float32, len(labels)*classes)
	model.NewEvaluator(n, e, len(labels)).Logits(float, x)
	for i := range labels { // what the float network answers is right
		labels[i] = uint16(largest(float[i*classes : (i+1)*classes]))
	}
	measured := 0
	measure := func(q *Network) (Measurement, error) {
		measured++
		var tally model.Tally
		out := make([]float32, len(float))
		NewEvaluator(q, e).Logits(out, x)
		tally.Add(out, labels, classes)
		return Measurement{tally.Loss(), tally.Top1()}, nil
	}
	wide := mustBuild(t, n, c, lab)
	last := int64(0)
	for _, share := range []float64{1.1, 0.8, 0.6, 0.4} {
		budget := int64(share * float64(wide.Bytes()))
		q, m, err := Mix(n, c, lab, Budget{Bytes: budget}, measure)
		if err != nil {
			t.Fatal(err)
		}
		if q.Bytes() > budget || !m.Within || m.Bytes != q.Bytes() {
			t.Errorf("%.0f %%: %d bytes, said to be %d, budget %d, within %v", 100*share, q.Bytes(), m.Bytes, budget, m.Within)
		}
		for i, l := range q.Layers() {
			if m.Layers[i].Layer != l.Name || m.Layers[i].Bits != l.WeightBits {
				t.Errorf("%s has %d bits, and the list says %+v", l.Name, l.WeightBits, m.Layers[i])
			}
		}
		if share > 1 && slices.ContainsFunc(m.Layers, func(c Choice) bool { return c.Bits != 8 }) {
			t.Errorf("layers were narrowed without need: %s", m.Counts())
		}
		if last > 0 && q.Bytes() >= last {
			t.Errorf("%.0f %%: %d bytes, not fewer than %d", 100*share, q.Bytes(), last)
		}
		if share <= 0.8 {
			last = q.Bytes()
		}
		t.Logf("%.0f %%: %s, top-1 %.3f", 100*share, m.Counts(), m.Mixed.Top1)
	}
	if q, m, err := Mix(n, c, lab, Budget{Bytes: 1}, measure); err != nil || m.Within || q.Layers()[0].WeightBits != 2 {
		t.Errorf("a byte: %v, %v", m, err)
	}
	q, m, err := Mix(n, c, lab, Budget{MaxDrop: 0.05}, measure)
	if err != nil || !m.Within || m.Mixed.Top1 < m.Wide.Top1-0.05 || q.Bytes() >= wide.Bytes() {
		t.Errorf("drop of 5 points: %s, %d bytes, %+v, %v", m.Counts(), q.Bytes(), m, err)
	}
}
