package quantize

import (
	"math"
	"testing"

	"espalier/model"
)

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
