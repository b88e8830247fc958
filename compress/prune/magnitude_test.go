package prune

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"espalier/internal/shared"
	"espalier/model"
	"espalier/model/weights"
)

// TestMasksEqualPyTorch prunes the reference network once to each target and
// wants every bit of torch.nn.utils.prune.global_unstructured's masks.
func TestMasksEqualPyTorch(t *testing.T) {
	dense, _, err := weights.Load(shared.File(t, "golden/weights.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	masks, _, err := weights.Read(shared.File(t, "golden/prune_masks.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range targets {
		n := dense.Clone()
		if err := Magnitude(n, target, Edges{}); err != nil {
			t.Fatal(err)
		}
		for _, l := range Candidates(n) {
			name := fmt.Sprintf("%.0f.%s.weight", 100*target, l.Name)
			at := slices.IndexFunc(masks, func(m weights.Tensor) bool { return m.Name == name })
			if at < 0 || len(masks[at].Data) != len(l.Mask) {
				t.Fatalf("the reference mask %s is missing or has another size", name)
			}
			want := masks[at]
			for i, m := range l.Mask {
				if m != float32(want.Data[i]) {
					t.Fatalf("%s[%d] = %v, want %d", name, i, m, want.Data[i])
				}
				if (l.Weight[i] != 0) != (m != 0) {
					t.Fatalf("%s weight %d is %v under mask %v", l.Name, i, l.Weight[i], m)
				}
			}
		}
	}
}

// layer returns a linear layer with one output a weight.
func layer(name string, w ...float32) *model.Node {
	in := &model.Node{Name: "input", Op: model.Input{}, Shape: model.Shape{C: 1, H: 1, W: 1}}
	return &model.Node{Name: name, Op: model.Linear{Out: len(w)}, Inputs: []*model.Node{in}, Shape: model.Shape{C: len(w), H: 1, W: 1}, Weight: w}
}

func TestSmallest(t *testing.T) {
	for _, c := range []struct {
		name  string
		share float64
		w     []float32
		mask  []float32
		want  []int
	}{
		{"half", 0.5, []float32{-3, 1, 2, -4}, nil, []int{1, 2}},
		{"of what is left", 0.5, []float32{0, 1, 2, 0, -4, 3}, nil, []int{1, 2}},
		{"a mask counts as zero", 0.5, []float32{5, 1, 2, -4, 3}, []float32{1, 0, 1, 1, 1}, []int{2, 4}},
		{"half to even", 0.5, []float32{3, 2, 1, 5, 4}, nil, []int{2, 1}}, // 2.5 is 2
		{"the last of equal ones first", 0.5, []float32{1, -1, 1, -1}, nil, []int{3, 2}},
		{"nothing is left", 0.5, []float32{0, 0}, nil, []int{}},
	} {
		l := layer("fc", c.w...)
		l.Mask = c.mask
		before := slices.Clone(c.w)
		if got, err := Smallest(l, c.share); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, %v; want %v", c.name, got, err, c.want)
		}
		if !slices.Equal(l.Weight, before) {
			t.Errorf("%s: the weights changed to %v", c.name, l.Weight)
		}
	}
	if _, err := Smallest(layer("fc", 1, float32(math.NaN())), 0.5); err == nil {
		t.Error("NaN is ranked")
	}
}

func TestGlobal(t *testing.T) {
	inf := float32(math.Inf(1))
	for _, c := range []struct {
		name   string
		target float64
		a, b   []float32 // weights of two layers
		wantA  []float32 // weights afterwards
		wantB  []float32
	}{
		{"ranked together", 0.5, []float32{3, -1}, []float32{-2, 4}, []float32{3, 0}, []float32{0, 4}},
		{"nothing", 0, []float32{3, -1}, []float32{-2, 4}, []float32{3, -1}, []float32{-2, 4}},
		{"ties by position", 0.5, []float32{1, -1}, []float32{1, -1}, []float32{1, -1}, []float32{0, 0}},
		{"half to even, down", 0.125, []float32{1, 2}, []float32{3, 4}, []float32{1, 2}, []float32{3, 4}},
		{"half to even, up", 0.375, []float32{1, 2}, []float32{3, 4}, []float32{0, 0}, []float32{3, 4}},
		{"subnormal before normal", 0.25, []float32{1e-38, 1}, []float32{-1e-40, inf}, []float32{1e-38, 1}, []float32{0, inf}},
		{"zeros stay", 0.25, []float32{0, 1}, []float32{0, 2}, []float32{0, 1}, []float32{0, 2}},
	} {
		a, b := layer("a", c.a...), layer("b", c.b...)
		if err := Global([]*model.Node{a, b}, c.target); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if !slices.Equal(a.Weight, c.wantA) || !slices.Equal(b.Weight, c.wantB) {
			t.Errorf("%s: weights %v %v, want %v %v", c.name, a.Weight, b.Weight, c.wantA, c.wantB)
		}
	}
	bad := layer("layer1.0.conv1", 1, float32(math.NaN()))
	if err := Global([]*model.Node{layer("a", 1), bad}, 0.5); err == nil || !strings.Contains(err.Error(), "layer1.0.conv1: weight 1") {
		t.Errorf("error %v, want one that names layer and weight", err)
	}
	if bad.Mask != nil || bad.Weight[0] != 1 {
		t.Error("a layer was changed although pruning failed")
	}
}

func TestTargetOutOfRange(t *testing.T) {
	n := network(t)
	for _, target := range []float64{-0.1, 1, 1.5, math.NaN()} {
		if err := Magnitude(n, target, edges); err == nil {
			t.Errorf("target %v: no error", target)
		}
	}
}

// TestGlobalProperties draws layers with many ties and a rising schedule. After
// every round the count is exact, what was pruned stays pruned even when its
// weight moved, pruning again changes nothing, and no kept weight is smaller
// than a pruned one was.
func TestGlobalProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.OneOf(rapid.Float32Range(-1, 1), rapid.SampledFrom([]float32{0.25, -0.25, 0.5}))
		var layers []*model.Node
		total := 0
		for i := range rapid.IntRange(1, 4).Draw(t, "layers") {
			w := rapid.SliceOfN(value, 1, 50).Draw(t, "weights")
			for j := range w {
				if w[j] == 0 {
					w[j] = 1 // so that the count is the target's alone
				}
			}
			layers = append(layers, layer(fmt.Sprint(i), w...))
			total += len(w)
		}
		targets := rapid.SliceOfNDistinct(rapid.Float64Range(0, 0.99), 1, 4, rapid.ID).Draw(t, "targets")
		slices.Sort(targets)
		for _, target := range targets {
			before := all(layers, func(l *model.Node) []float32 { return l.Mask })
			magnitudes := all(layers, func(l *model.Node) []float32 { return l.Weight })
			if err := Global(layers, target); err != nil {
				t.Fatal(err)
			}
			masks := all(layers, func(l *model.Node) []float32 { return l.Mask })
			largestPruned, smallestKept, zeros := 0.0, math.Inf(1), 0
			for i, m := range masks {
				switch magnitude := math.Abs(float64(magnitudes[i])); {
				case m == 1:
					smallestKept = min(smallestKept, magnitude)
				case before == nil || before[i] == 1:
					zeros, largestPruned = zeros+1, max(largestPruned, magnitude)
				default:
					zeros++
				}
				if m == 1 && before != nil && before[i] == 0 {
					t.Fatalf("weight %d came back at target %v", i, target)
				}
			}
			if want := int(math.RoundToEven(target * float64(total))); zeros != want {
				t.Fatalf("%d of %d weights pruned at %v, want %d", zeros, total, target, want)
			}
			if largestPruned > smallestKept {
				t.Fatalf("magnitude %v was pruned and %v kept", largestPruned, smallestKept)
			}
			if err := Global(layers, target); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(masks, all(layers, func(l *model.Node) []float32 { return l.Mask })) {
				t.Fatalf("pruning to %v a second time changed the masks", target)
			}
			// Fine-tuning moves kept weights, and may wrongly move masked
			// ones before a trainer masks them again.
			for _, l := range layers {
				for i := range l.Weight {
					if l.Weight[i] += rapid.Float32Range(-0.3, 0.3).Draw(t, "move"); l.Mask[i] == 1 && l.Weight[i] == 0 {
						l.Weight[i] = 1
					}
				}
			}
		}
	})
}

// all puts one slice of every layer together; nil when the layers have none.
func all(layers []*model.Node, of func(*model.Node) []float32) []float32 {
	var s []float32
	for _, l := range layers {
		s = append(s, of(l)...)
	}
	return s
}
