package quantize

import (
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"espalier/model"
	"espalier/model/reference"
	"espalier/model/weights"
)

// trained takes a few steps of quantization-aware training, the last ones with
// frozen batch norms, and returns the prepared network.
func trained(t *testing.T, g *model.Graph, x []float32, width Width, learned bool) (*model.Graph, Recipe) {
	t.Helper()
	r, err := lab.WithWidths(Spread(g, width, Eight))
	if err != nil {
		t.Fatal(err)
	}
	p, err := Prepare(g, calibrated(t, g, x, MinMax), r, learned)
	if err != nil {
		t.Fatal(err)
	}
	trainer, err := model.NewTrainer(p, testEngine(t, ""), 16, model.SGD{Momentum: 0.9, WeightDecay: 1e-4})
	if err != nil {
		t.Fatal(err)
	}
	random, labels := rand.New(rand.NewPCG(9, 9)), make([]uint16, 16)
	images := len(x) / pixels
	for step := range 8 {
		trainer.FrozenNorms = step >= 4
		batch := make([]float32, 0, 16*pixels)
		for i := range labels {
			labels[i] = uint16(random.IntN(10))
			at := random.IntN(images)
			batch = append(batch, x[at*pixels:(at+1)*pixels]...)
		}
		if loss, _ := trainer.Step(batch, labels, 0.01); math.IsNaN(loss) || loss > 100 {
			t.Fatalf("step %d: loss %g", step, loss)
		}
	}
	return p, r
}

// holdCodes wants the codes of a converted network to be those that the prepared
// one rounds to in float64, but where a value lies in the middle of two. A code that
// is another one moves the sums behind it, and so a few more.
func holdCodes(t *testing.T, what string, p *model.Graph, r Recipe, x []float32) {
	t.Helper()
	r.IntegerBias = false // which moves sums, and training does not round biases
	q, err := Convert(p, r)
	if err != nil {
		t.Fatal(err)
	}
	e := testEngine(t, "")
	f := p.ForInference()
	for _, l := range q.Layers() { // weights: all of them
		n := f.Node(l.Name)
		for i, c := range l.Weight {
			if w := l.Scale[i/l.Fan()] * float32(c); w != n.Weight[i] {
				t.Fatalf("%s: %s computes with the weight %g and its code stands for %g", what, l.Name, n.Weight[i], w)
			}
		}
	}
	n := len(x) / pixels
	input := make([]float64, len(x))
	for i, v := range x {
		input[i] = float64(v)
	}
	values := reference.From(f).Values(n, input)
	same, beside, all := 0, 0, 0
	NewEvaluator(q, e).Observe(x, func(a Activation) {
		rounded, ok := values[a.Point+roundingSuffix]
		if !ok || a.Codes == nil {
			return // it keeps its input's codes, or has none
		}
		for i, v := range rounded {
			d := int(math.RoundToEven(v/float64(a.Scale))) + int(a.Zero) - int(a.Codes[i])
			if d == 0 {
				same++
			}
			if d >= -1 && d <= 1 {
				beside++
			}
			all++
		}
	})
	t.Logf("%s: of %d codes %d are the same, %d at most one beside", what, all, same, beside)
	if all == 0 || 1000*same < 995*all || 10000*beside < 9999*all {
		t.Errorf("%s: of %d codes %d are the same and %d at most one beside: want 99.5 %% and 99.99 %%", what, all, same, beside)
	}
}

// TestConvertHasTheCodesOfTraining trains networks a little and converts them.
func TestConvertHasTheCodesOfTraining(t *testing.T) {
	n, x := randomNetwork(t, model.Pad, 24)
	for _, width := range []Width{{8, 8}, {4, 4}, {2, 3}} {
		for _, learned := range []bool{false, true} {
			p, r := trained(t, n, x, width, learned)
			holdCodes(t, fmt.Sprintf("ResNet-8, %v, learned %v", width, learned), p, r, x[:4*pixels])
		}
	}
	if testing.Short() {
		return
	}
	images := loadZooImages(t)
	for _, name := range zooNetworks {
		p, r := trained(t, zooGraph(t, name), images.train[:32*pixels], Width{4, 4}, true)
		holdCodes(t, name, p, r, images.test[:4*pixels])
	}
}

// TestConvertWantsTheRecipeOfTraining: a recipe that rounds other values has no scales
// for them.
func TestConvertWantsTheRecipeOfTraining(t *testing.T) {
	n, x := randomNetwork(t, model.Pad, 16)
	p, _ := trained(t, n, x, Eight, false)
	_, err := Convert(p, named(t, "fbgemm"))
	if want := "as recipe fbgemm does; choose the recipe that it was trained for"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want one that says %q", err, want)
	}
}

// TestPreparedFile: a prepared network is itself again after it was written and
// read, and converts to the same.
func TestPreparedFile(t *testing.T) {
	n, x := randomNetwork(t, model.Projection, 16)
	p, r := trained(t, n, x, Width{4, 4}, true)
	path := filepath.Join(t.TempDir(), "qat.safetensors")
	if err := weights.Save(path, p, nil); err != nil {
		t.Fatal(err)
	}
	got, _, err := weights.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	a, err := Convert(p, r)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Convert(got, lab)
	if err != nil {
		t.Fatal(err)
	}
	e := testEngine(t, "")
	if !slices.Equal(logits(t, a, e.Kernels, 1, x), logits(t, b, e.Kernels, 1, x)) {
		t.Error("other logits after reading")
	}
	if d := cmp.Diff(a.Recipe, b.Recipe); d != "" {
		t.Error(d)
	}
}

// TestPreparedKeepsMasks: pruned weights stay zero in training, and their codes are
// zero.
func TestPreparedKeepsMasks(t *testing.T) {
	n, x := randomNetwork(t, model.Pad, 16)
	for _, l := range n.Layers() {
		l.Mask = make([]float32, len(l.Weight))
		for i := range l.Mask {
			if i%3 == 0 {
				l.Mask[i] = 1
			} else {
				l.Weight[i] = 0
			}
		}
	}
	p, r := trained(t, n, x, Width{4, 4}, true)
	q, err := Convert(p, r)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range q.Layers() {
		for i, c := range l.Weight {
			if i%3 != 0 && c != 0 {
				t.Fatalf("%s: code %d is %d where the mask is 0", l.Name, i, c)
			}
		}
	}
}
