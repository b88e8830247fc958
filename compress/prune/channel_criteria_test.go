package prune_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"espalier/compress/prune"
	"espalier/model"
	"espalier/model/kernel"
)

// A scored is what testdata/channels.py computed with PyTorch.
type scored struct {
	Weights, Gradients, Scores map[string][]float64
	Images                     []float64
	Labels                     []uint16
}

// network builds the script's network.
func (s scored) network(t *testing.T) *model.Graph {
	t.Helper()
	b := model.NewBuilder("scored", model.Shape{C: 2, H: 3, W: 3})
	conv := func(name string, out, kernel, groups int, x *model.Node) *model.Node {
		return b.Add(name, model.Conv{Out: out, Kernel: kernel, Stride: 1, Padding: model.Pad2D(kernel / 2), Groups: groups}, x)
	}
	a := b.Add("a_relu", model.ReLU{}, b.Norm("a_bn", conv("a", 4, 3, 1, b.Input())))
	c := conv("c", 4, 1, 1, b.Add("b_relu", model.ReLU{}, conv("b", 6, 3, 1, a)))
	d := conv("d", 4, 3, 4, b.Add("sum", model.Add{}, c, a))
	b.Add("fc", model.Linear{Out: 3}, b.Add("flat", model.Flatten{}, d))
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range g.Parameters() {
		if len(s.Weights[p.Name]) != len(p.Data) {
			t.Fatalf("%s has %d values in the script, want %d", p.Name, len(s.Weights[p.Name]), len(p.Data))
		}
		for i, v := range s.Weights[p.Name] {
			p.Data[i] = float32(v)
		}
	}
	return g
}

// TestScoresEqualPyTorch compares all criteria and normalisations, and the
// gradients that Taylor takes.
func TestScoresEqualPyTorch(t *testing.T) {
	text, err := os.ReadFile("testdata/channels.json")
	if err != nil {
		t.Fatal(err)
	}
	var s scored
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	g := s.network(t)
	before := g.Clone()
	e := model.NewEngine(kernel.All()[0], 2, model.Auto)
	defer e.Close()
	x := make([]float32, len(s.Images))
	for i, v := range s.Images {
		x[i] = float32(v)
	}
	// Twice the same batch: gradients add up.
	gradients, err := prune.Gradients(g, e, 5, func(yield func([]float32, []uint16) bool) { _ = yield(x, s.Labels) && yield(x, s.Labels) })
	if err != nil {
		t.Fatal(err)
	}
	for _, tensor := range gradients {
		var want []float64
		for i, v := range s.Gradients[tensor.Name] {
			want = append(want, 2*v)
			tensor.Data[i] /= 2
		}
		near(t, "gradient of "+tensor.Name, scaled(tensor.Data, 2), want, 1e-4)
	}
	for i, tensor := range g.Tensors() {
		for j, v := range before.Tensors()[i].Data {
			if tensor.Data[j] != v {
				t.Fatalf("%s changed", tensor.Name)
			}
		}
	}
	c := prune.GroupChannels(g)
	compared := 0
	for _, criterion := range prune.ChannelCriteria() {
		for _, normalise := range prune.Normalisations() {
			scores, err := c.Scores(prune.Scoring{Criterion: criterion, Normalise: normalise, Gradients: gradients})
			if err != nil {
				t.Fatal(criterion, err)
			}
			for i, group := range c.Groups {
				want, ok := s.Scores[fmt.Sprintf("%s %s %s", criterion, normalise, group.Name)]
				if criterion == prune.BNScale && group.Name == "b" {
					if scores[i] != nil {
						t.Errorf("a group without batch norm has scores %v", scores[i])
					}
					continue
				}
				if !ok {
					continue
				}
				compared++
				tolerance := 1e-6
				if criterion == prune.Taylor {
					tolerance = 1e-4
				}
				for ch, w := range want {
					if !(math.Abs(scores[i][ch]-w) <= tolerance*math.Abs(w)) {
						t.Errorf("%s, %s: channel %d of %s has %v, want %v", criterion, normalise, ch, group.Name, scores[i][ch], w)
					}
				}
			}
		}
	}
	if compared != len(s.Scores) || compared < 30 {
		t.Errorf("%d of %d lists of scores were compared", compared, len(s.Scores))
	}
}

func scaled(x []float32, by float32) []float32 {
	out := make([]float32, len(x))
	for i, v := range x {
		out[i] = by * v
	}
	return out
}

func TestRandomScoresFollowTheSeed(t *testing.T) {
	c := prune.GroupChannels(resnet20(t))
	of := func(seed uint64) string {
		s, err := c.Scores(prune.Scoring{Criterion: prune.Random, Normalise: prune.None, Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(s)
	}
	if of(1) != of(1) || of(1) == of(2) {
		t.Error("a seed does not decide the scores")
	}
}

func TestScoresRefuse(t *testing.T) {
	g := resnet20(t)
	bad := g.Clone()
	bad.Node("layer1.0.conv1").Weight[7] = float32(math.NaN())
	for _, c := range []struct {
		g    *model.Graph
		s    prune.Scoring
		want string
	}{
		{g, prune.Scoring{Criterion: "size", Normalise: prune.None}, `no criterion "size"`},
		{g, prune.Scoring{Criterion: prune.L1}, `no normalisation ""`},
		{g, prune.Scoring{Criterion: prune.Taylor, Normalise: prune.None}, "needs gradients of conv1"},
		{g.FoldNorms(), prune.Scoring{Criterion: prune.BNScale, Normalise: prune.None}, "has no batch norm"},
		{bad, prune.Scoring{Criterion: prune.L1, Normalise: prune.None}, "layer1.0.conv1: weight 7 is not finite"},
	} {
		if _, err := prune.GroupChannels(c.g).Scores(c.s); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: error %v, want %q", c.s, err, c.want)
		}
	}
}
