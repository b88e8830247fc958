package weights

import (
	"errors"
	"math"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"espalier/internal/shared"
	"espalier/model"
)

// random returns a network whose every tensor holds other values; variances
// are positive.
func random(t testing.TB, a model.Arch) *model.Graph {
	t.Helper()
	n, err := model.ResNet(a)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, uint64(a.Depth)))
	for _, tensor := range n.Tensors() {
		for i := range tensor.Data {
			tensor.Data[i] = rng.Float32() + 0.1
		}
	}
	n.Mean, n.Std = []float32{0.4914, 0.4822, 0.4465}, []float32{0.247, 0.2435, 0.2616}
	return n
}

func TestNetworkRoundTrip(t *testing.T) {
	for _, a := range []model.Arch{
		{Depth: 20, Shortcut: model.Projection, Classes: 10},
		{Depth: 32, Shortcut: model.Pad, Classes: 7},
		{Depth: 56, Shortcut: model.Projection, Classes: 100},
		{Depth: 8, Shortcut: model.Projection, Classes: 10, Width: 32},
		{Depth: 8, Shortcut: model.Pad, Classes: 10, Width: 48},
	} {
		dense := random(t, a)
		dense.Node("conv1").Weight[3] = 0
		for _, n := range []*model.Graph{dense, dense.ForInference()} {
			path := filepath.Join(t.TempDir(), "n.safetensors")
			if err := Save(path, n, map[string]string{"dataset": "shapes10"}); err != nil {
				t.Fatal(err)
			}
			got, metadata, err := Load(path)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(n, got) { // cmp.Diff takes seconds for a million numbers
				t.Errorf("%s, fused %v: another network came back", a, n.Fused())
			}
			if metadata["dataset"] != "shapes10" || metadata["architecture"] != a.String() {
				t.Errorf("metadata %v", metadata)
			}
		}
	}
}

// Names as other projects write them lead to the same network.
func TestNetworkNames(t *testing.T) {
	want := random(t, model.Arch{Depth: 20, Shortcut: model.Projection, Classes: 10})
	want.Mean, want.Std = nil, nil
	tensors := FromNetwork(want)
	for i := range tensors {
		name := strings.Replace(tensors[i].Name, ".downsample.", ".shortcut.", 1)
		if rest, ok := strings.CutPrefix(name, "fc."); ok {
			name = "linear." + rest
		}
		tensors[i].Name = "module." + name
	}
	tensors = append(tensors,
		Tensor{"module.bn1.num_batches_tracked", I64, []int{}, make([]byte, 8)},
		Tensor{"velocity.conv1.weight", F32, []int{1}, make([]byte, 4)},
		Tensor{"mask.linear", F32, []int{10, 64}, make([]byte, 4*640)})
	got, err := Network(tensors, nil)
	if err != nil {
		t.Fatal(err)
	}
	if mask := got.Node("fc").Mask; len(mask) != 640 || mask[3] != 0 {
		t.Error("the mask of the classifier was not kept")
	}
	got.Node("fc").Mask = nil
	if !reflect.DeepEqual(want, got) {
		t.Error("another network came back")
	}
}

func TestNetworkRefuses(t *testing.T) {
	float := func(name string, shape ...int) Tensor {
		size := 1
		for _, d := range shape {
			size *= d
		}
		return Float32(name, shape, make([]float32, size))
	}
	replace := func(name string, with ...Tensor) func([]Tensor) []Tensor {
		return func(all []Tensor) []Tensor {
			var out []Tensor
			for _, t := range all {
				if t.Name == name {
					out = append(out, with...)
				} else {
					out = append(out, t)
				}
			}
			return out
		}
	}
	nan := float("fc.bias", 10)
	copy(nan.Data, Float32("", nil, []float32{0, float32(math.NaN())}).Data)
	negative := Float32("bn1.running_var", []int{16}, append(make([]float32, 15), -1))
	for _, c := range []struct {
		name   string
		change func([]Tensor) []Tensor
		want   []string
	}{
		{"nothing", func([]Tensor) []Tensor { return nil }, []string{"conv1.weight", "missing"}},
		{"missing", replace("layer2.1.bn2.bias"), []string{"layer2.1.bn2.bias", "[32]", "missing"}},
		{"missing classifier", replace("fc.weight"), []string{"fc.weight", "missing"}},
		{"shape", replace("layer3.2.conv1.weight", float("layer3.2.conv1.weight", 64, 64, 9)), []string{"layer3.2.conv1.weight", "expected shape [64 64 3 3], found [64 64 9]"}},
		{"surplus", replace("fc.bias", float("fc.bias", 10), float("extra", 3)), []string{"extra", "no place"}},
		{"integers", replace("fc.bias", Tensor{"fc.bias", I32, []int{10}, make([]byte, 40)}), []string{"fc.bias", "I32"}},
		{"NaN", replace("fc.bias", nan), []string{"fc.bias", "element 1 is NaN"}},
		{"negative variance", replace("bn1.running_var", negative), []string{"bn1.running_var", "element 15", "negative"}},
		{"another first layer", replace("conv1.weight", float("conv1.weight", 64, 3, 7, 7)), []string{"conv1.weight", "[64 3 7 7]", "unsupported"}},
		{"a width between", replace("conv1.weight", float("conv1.weight", 24, 3, 3, 3)), []string{"fc.weight", "expected shape [classes 96]"}},
		{"too wide", replace("conv1.weight", float("conv1.weight", 512, 3, 3, 3)), []string{"width of 512", "unsupported"}},
		{"a wide first layer alone", replace("conv1.weight", float("conv1.weight", 32, 3, 3, 3)), []string{"fc.weight", "expected shape [classes 128]"}},
		{"wide ends alone", func(all []Tensor) []Tensor {
			all = replace("conv1.weight", float("conv1.weight", 256, 3, 3, 3))(all)
			return replace("fc.weight", float("fc.weight", 10, 1024))(all)
		}, []string{"resnet20 projection width 256", "hold only"}},
		{"classes without memory", replace("fc.weight", float("fc.weight", 1<<40, 0)), []string{"fc.weight", "expected shape"}},
		{"uneven stages", replace("layer2.2.conv1.weight"), []string{"3, 2 and 3 blocks"}},
		{"fourth stage", replace("layer2.2.conv1.weight", float("layer4.0.conv1.weight", 0)), []string{"layer4.0.conv1.weight", "expected shape"}},
		{"twice", replace("fc.bias", float("fc.bias", 10), float("linear.bias", 10)), []string{"both stand for fc.bias"}},
		{"a mask of another size", func(all []Tensor) []Tensor { return append(all, float("mask.fc", 3)) }, []string{"mask.fc has 3 values for 640 weights"}},
		{"deep", func(all []Tensor) []Tensor {
			for _, stage := range "123" {
				for b := range 100 {
					all = append(all, float("layer"+string(stage)+".9"+strings.Repeat("9", b)+".conv1.weight", 0))
				}
			}
			return all
		}, []string{"depth 620", "unsupported"}},
	} {
		_, err := Network(c.change(FromNetwork(random(t, model.Arch{Depth: 20, Shortcut: model.Projection, Classes: 10}))), nil)
		if err == nil {
			t.Errorf("%s: no error", c.name)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %q, want one that says %q", c.name, err, want)
			}
		}
		if strings.Contains(err.Error(), "unsupported") != errors.Is(err, ErrUnsupported) {
			t.Errorf("%s: error %q and ErrUnsupported do not agree", c.name, err)
		}
	}
	tensors := FromNetwork(random(t, model.Arch{Depth: 20, Shortcut: model.Pad, Classes: 10}))
	for _, metadata := range []map[string]string{
		{"mean": "1 2"}, {"mean": "a b c"}, {"std": "0 1 1"}, {"std": "NaN 1 1"}, {"std": "1 1 1 1"},
	} {
		if _, err := Network(tensors, metadata); err == nil {
			t.Errorf("metadata %v: no error", metadata)
		}
	}
}

func TestReferenceNetwork(t *testing.T) {
	n, _, err := Load(shared.File(t, "golden/weights.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	if n.Name != "resnet20 projection" || n.Weights() != 270896 {
		t.Errorf("%s with %d weights", n.Name, n.Weights())
	}
	// Fusing agrees with PyTorch's fuse_conv_bn_weights but for the rounding of
	// the scale and of two products: three units in the last place of what is
	// added up. The reference file has no classifier, so it gets this one's.
	fused, _, err := Read(shared.File(t, "golden/fused.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	classifier := n.Output()
	fused = append(fused, Float32("fc.weight", classifier.WeightShape(), classifier.Weight), Float32("fc.bias", []int{classifier.Out()}, classifier.Bias))
	want, err := Network(fused, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !want.Fused() {
		t.Fatal("a network without batch norm is not taken as fused")
	}
	got := n.ForInference().Tensors()
	for i, w := range want.Tensors() {
		for j := range w.Data {
			if d := math.Abs(float64(got[i].Data[j] - w.Data[j])); d > 3*0x1p-23*math.Max(math.Abs(float64(w.Data[j])), 1) {
				t.Fatalf("%s[%d] = %v, want %v", w.Name, j, got[i].Data[j], w.Data[j])
			}
		}
	}
}

func TestReadErrors(t *testing.T) {
	if _, _, err := Load(filepath.Join(t.TempDir(), "none.safetensors")); err == nil || !strings.Contains(err.Error(), "none.safetensors") {
		t.Errorf("error %v, want one that names the file", err)
	}
	if _, _, err := Load(t.TempDir()); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("error %v for a folder", err)
	}
}
