package prune

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"espalier/model"
)

// criteria is what testdata/criteria.py wrote. Masks are one digit a weight.
type criteria struct {
	Layers []struct {
		Name             string
		Shape            []int
		Weight, Gradient []float32
	}
	Scores   map[string]Scores
	Global   map[string][]string // masks at 0.7, all layers ranked together
	Layer    []string            // at 0.7, by magnitude
	ERK      map[string][]float64
	Pattern  map[string][]string
	Block    map[string][]string // at 0.6, by magnitude
	Movement struct {
		Momentum float32
		Decay    float32 `json:"weight_decay"`
		Steps    []struct{ Weight, Before, After []float32 }
		Score    []float32
	}
}

func openCriteria(t *testing.T) (c criteria) {
	t.Helper()
	document, err := os.ReadFile("testdata/criteria.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(document, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// nodes returns the layers anew, unpruned, and their gradients.
func (c criteria) nodes() (layers []*model.Node, e Evidence) {
	e.Gradients = map[string][]float32{}
	for _, l := range c.Layers {
		in := &model.Node{Name: "in", Op: model.Input{}, Shape: model.Shape{C: l.Shape[1], H: 8, W: 8}}
		n := &model.Node{Name: l.Name, Op: model.Linear{Out: l.Shape[0]}, Inputs: []*model.Node{in}, Shape: model.Shape{C: l.Shape[0], H: 1, W: 1}, Weight: slices.Clone(l.Weight)}
		if len(l.Shape) == 4 {
			n.Op = model.Conv{Out: l.Shape[0], Kernel: l.Shape[2], Stride: 1, Groups: 1}
		}
		layers = append(layers, n)
		e.Gradients[l.Name] = l.Gradient
	}
	return layers, e
}

func bits(mask []float32) string {
	var s strings.Builder
	for _, m := range mask {
		fmt.Fprint(&s, m)
	}
	return s.String()
}

func compareMasks(t *testing.T, name string, layers []*model.Node, want []string) {
	t.Helper()
	if len(want) != len(layers) {
		t.Fatalf("%s: %d masks for %d layers", name, len(want), len(layers))
	}
	for i, l := range layers {
		if have := bits(l.Mask); have != want[i] {
			t.Errorf("%s: layer %s has another mask\nhave %s\nwant %s", name, l.Name, have, want[i])
		}
		for j, m := range l.Mask {
			if m == 0 && l.Weight[j] != 0 {
				t.Fatalf("%s: layer %s keeps the masked weight %d", name, l.Name, j)
			}
		}
	}
}

func TestScoresAreAsPyTorch(t *testing.T) {
	c := openCriteria(t)
	for _, criterion := range []string{ByMagnitude, ByNormalised, ByLAMP, ByTaylor} {
		layers, evidence := c.nodes()
		scores, err := Score(criterion, layers, evidence)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range c.Scores[criterion] {
			if len(want) != len(scores[i]) {
				t.Fatalf("%s: %d scores for %d weights", criterion, len(want), len(scores[i]))
			}
			for j, w := range want {
				if d := math.Abs(float64(scores[i][j] - w)); !(d <= 2e-7*math.Abs(float64(w))) {
					t.Fatalf("%s: weight %d of %s has the score %v, want %v", criterion, j, layers[i].Name, scores[i][j], w)
				}
			}
		}
		Selection{Target: 0.7}.Apply(layers, scores)
		compareMasks(t, criterion, layers, c.Global[criterion])
	}
}

func TestMasksOfOneLayerAreAsPyTorch(t *testing.T) {
	c := openCriteria(t)
	layers, evidence := c.nodes()
	scores, _ := Score(ByMagnitude, layers, evidence)
	Selection{Each: Uniform(layers, 0.7)}.Apply(layers, scores)
	compareMasks(t, "each layer by itself", layers, c.Layer)
}

func TestERK(t *testing.T) {
	c := openCriteria(t)
	layers, _ := c.nodes()
	dense := 0
	for target, want := range c.ERK {
		var share float64
		fmt.Sscan(target, &share)
		have, total, zero := ERK(layers, share), 0.0, 0.0
		for i, l := range layers {
			if math.Abs(have[i]-want[i]) > 1e-12 {
				t.Errorf("%s: layer %s is pruned to %v, want %v", target, l.Name, have[i], want[i])
			}
			if have[i] == 0 {
				dense++
			}
			total += float64(len(l.Weight))
			zero += have[i] * float64(len(l.Weight))
		}
		if math.Abs(zero/total-share) > 1e-12 {
			t.Errorf("%s: the layers come to %v", target, zero/total)
		}
	}
	if len(c.ERK) == 0 || dense == 0 {
		t.Errorf("%d targets, %d dense layers: the rule was not tried", len(c.ERK), dense)
	}
}

func TestBlocks(t *testing.T) {
	c := openCriteria(t)
	for name, want := range c.Block {
		block, err := ParseBlock(name)
		if err != nil {
			t.Fatal(err)
		}
		layers, evidence := c.nodes()
		scores, _ := Score(ByMagnitude, layers, evidence)
		Selection{Target: 0.6, Block: block}.Apply(layers, scores)
		compareMasks(t, name, layers, want)
	}
	for _, wrong := range []string{"", "4", "0x4", "1x65", "1x4x", "4:1", "axb"} {
		if _, err := ParseBlock(wrong); err == nil {
			t.Errorf("%q is read as a block", wrong)
		}
	}
}

func TestPatterns(t *testing.T) {
	c := openCriteria(t)
	for name, want := range c.Pattern {
		pattern, err := ParsePattern(name)
		if err != nil {
			t.Fatal(err)
		}
		layers, evidence := c.nodes()
		scores, _ := Score(ByMagnitude, layers, evidence)
		if left := pattern.Apply(layers, scores); left != nil {
			t.Errorf("%s: %v left out", name, left)
		}
		compareMasks(t, name, layers, want)
		// What is zero stays so, and the pattern holds, whatever came in between.
		layers[0].Weight[slices.Index(layers[0].Mask, 0)] = 100
		scores, _ = Score(ByMagnitude, layers, evidence)
		pattern.Apply(layers, scores)
		compareMasks(t, name+" again", layers, want)
	}
	// Of more weights, those that are zero do not come back.
	layers, evidence := c.nodes()
	for _, p := range []Pattern{{1, 4}, {2, 4}} {
		scores, _ := Score(ByMagnitude, layers, evidence)
		p.Apply(layers, scores)
	}
	compareMasks(t, "2:4 after 1:4", layers, c.Pattern["1:4"])
	odd := layer("fc", 1, 2, 3)
	odd.Inputs[0].Shape.C, odd.Weight = 3, []float32{1, 2, 3, 4, 5, 6, 7, 8, 9}
	scores, _ := Score(ByMagnitude, []*model.Node{odd}, Evidence{})
	if left := (Pattern{2, 4}).Apply([]*model.Node{odd}, scores); !slices.Equal(left, []string{"fc"}) || odd.Mask != nil {
		t.Errorf("3 input channels: left out %v, mask %v", left, odd.Mask)
	}
	for _, wrong := range []string{"", "4", "4:4", "0:4", "2:4:", "2x4"} {
		if _, err := ParsePattern(wrong); err == nil {
			t.Errorf("%q is read as a pattern", wrong)
		}
	}
}

func TestMovementIsAsPyTorch(t *testing.T) {
	m := openCriteria(t).Movement
	score := make([]float32, len(m.Score))
	for _, s := range m.Steps {
		AddMovement(score, s.Weight, s.Before, s.After, m.Momentum, m.Decay)
	}
	largest := float64(slices.Max(m.Score))
	for i, want := range m.Score {
		if d := math.Abs(float64(score[i] - want)); !(d <= 1e-5*largest) {
			t.Fatalf("weight %d has the score %v, want %v", i, score[i], want)
		}
	}
	if len(m.Steps) == 0 {
		t.Error("no steps")
	}
}

// TestNegativeScores: movement may be negative. Zeros still go before all.
func TestNegativeScores(t *testing.T) {
	l := layer("fc", 1, 0, 3, 4, 5)
	Selection{Target: 0.6}.Apply([]*model.Node{l}, Scores{{-2, 9, 0.5, -3, 0}})
	if have := bits(l.Mask); have != "00101" {
		t.Errorf("mask %s, want 00101", have)
	}
}

func TestRandom(t *testing.T) {
	layers, _ := openCriteria(t).nodes()
	one, _ := Score(ByRandom, layers, Evidence{Seed: 1})
	again, _ := Score(ByRandom, layers, Evidence{Seed: 1})
	other, _ := Score(ByRandom, layers, Evidence{Seed: 2})
	if !slices.Equal(one[1], again[1]) || slices.Equal(one[1], other[1]) || slices.Equal(one[0][:12], one[1][:12]) {
		t.Error("scores do not follow from the seed and the layer")
	}
	Selection{Target: 0.7}.Apply(layers, one)
	for _, l := range layers {
		zero := 0
		for _, m := range l.Mask {
			if m == 0 {
				zero++
			}
		}
		if share := float64(zero) / float64(len(l.Mask)); math.Abs(share-0.7) > 0.1 {
			t.Errorf("layer %s loses %.2f of its weights, want about 0.7", l.Name, share)
		}
	}
}

// TestFloor: the layer that would die keeps its best weights, others make up for
// it, and the count is exact as long as they can.
func TestFloor(t *testing.T) {
	for _, c := range []struct {
		name   string
		target float64
		floor  float64
		a, b   string
		held   []Held
	}{
		{"off", 0.5, 0, "0000", "1111", nil},
		{"one weight is kept", 0.5, 0.01, "0001", "0111", []Held{{"a", 0, 1, 4}}},
		{"half is kept", 0.5, 0.5, "0011", "0011", []Held{{"a", 0, 2, 4}}},
		{"not needed", 0.25, 0.25, "0011", "1111", nil},
		{"both hold", 0.75, 0.5, "0011", "0011", []Held{{"a", 0, 2, 4}}},
	} {
		a, b := layer("a", 1, 2, 3, 4), layer("b", 5, 6, 7, 8)
		layers := []*model.Node{a, b}
		scores, _ := Score(ByMagnitude, layers, Evidence{})
		held := Selection{Target: c.target, Floor: c.floor}.Apply(layers, scores)
		if bits(a.Mask) != c.a || bits(b.Mask) != c.b || !slices.Equal(held, c.held) {
			t.Errorf("%s: masks %s %s, held %v", c.name, bits(a.Mask), bits(b.Mask), held)
		}
	}
}

// TestMethod: edge layers are pruned by the same criterion to their own target,
// and left alone where weights go in blocks or patterns.
func TestMethod(t *testing.T) {
	for _, c := range []struct {
		name   string
		method Method
		target float64
		zero   int
		edges  int
	}{
		{"global", Method{Edges: edges}, 0.5, 134912, 161},
		{"each layer", Method{Criterion: ByLAMP, Scope: PerLayer, Edges: edges}, 0.5, 134912, 161},
		{"2:4", Method{Pattern: Pattern{2, 4}, Edges: edges}, 0.5, 134912, 0},
		{"1x4", Method{Block: Block{1, 4}, Edges: edges}, 0.75, 202368, 0},
	} {
		n := network(t)
		o, err := c.method.Prune(n, c.target, Evidence{})
		if err != nil || o.Held != nil || o.Whole != nil {
			t.Errorf("%s: %v, %v", c.name, o, err)
		}
		zero, outer := 0, 0
		for _, l := range Measure(n).Layers {
			if IsEdge(n, n.Node(l.Name)) {
				outer += l.Zero
			} else {
				zero += l.Zero
			}
		}
		if zero != c.zero || outer != c.edges {
			t.Errorf("%s: %d zeros and %d in the edges, want %d and %d", c.name, zero, outer, c.zero, c.edges)
		}
	}
	n := network(t)
	for _, m := range []Method{{Criterion: ByTaylor}, {Criterion: ByMovement}, {Criterion: "size"}} {
		if _, err := m.Prune(n, 0.5, Evidence{}); err == nil {
			t.Errorf("%s without evidence: no error", m.Criterion)
		}
	}
}
