package weights

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"espalier/model"
)

// TestFamiliesAreRecognised writes built-in networks' tensors without metadata,
// as state dicts are, and reads them again.
func TestFamiliesAreRecognised(t *testing.T) {
	cifar := model.Shape{C: 3, H: 32, W: 32}
	for _, s := range []model.Spec{
		{Network: model.ResNetBasic, Depth: 18, Width: 0.25, Input: cifar, Classes: 10},
		{Network: model.ResNetBasic, Depth: 34, Width: 0.125, Input: model.Shape{C: 3, H: 224, W: 224}, Classes: 7},
		{Network: model.WideResNet, Depth: 16, Width: 2, Input: cifar, Classes: 100},
		{Network: model.WideResNet, Depth: 10, Width: 1, Input: cifar, Classes: 10},
		{Network: model.VGG, Depth: 11, Width: 0.125, Input: cifar, Classes: 10},
		{Network: model.VGG, Depth: 16, Width: 0.125, Input: cifar, Classes: 3},
		{Network: model.MobileNetV2, Width: 0.5, Input: cifar, Classes: 10},
		{Network: model.DenseNet, Depth: 40, Input: cifar, Classes: 10},
		{Network: model.SqueezeNet, Width: 0.5, Input: cifar, Classes: 10},
	} {
		want, err := s.Build()
		if err != nil {
			t.Fatal(err)
		}
		want.Init(1)
		for _, kuangliu := range []bool{false, true} {
			tensors := FromNetwork(want)
			for i := range tensors {
				if name := tensors[i].Name; kuangliu && s.Network == model.ResNetBasic {
					name = strings.Replace(name, ".downsample.", ".shortcut.", 1)
					if rest, ok := strings.CutPrefix(name, "fc."); ok {
						name = "linear." + rest
					}
					tensors[i].Name = name
				}
			}
			got, notes, err := NotedNetwork(tensors, nil)
			if err != nil {
				t.Errorf("%s: %v", s, err)
				continue
			}
			if !got.SameStructure(want) || got.Name != want.Name || !reflect.DeepEqual(got.Tensors(), want.Tensors()) {
				t.Errorf("%s came back as %s", want.Name, got.Name)
			}
			if text := strings.Join(notes, "\n"); !strings.Contains(text, "for images of") {
				t.Errorf("%s: notes %q do not say which images", s, text)
			}
		}
	}
}

// TestAnyNetworkRoundTrips: a checkpoint holds its graph.
func TestAnyNetworkRoundTrips(t *testing.T) {
	b := model.NewBuilder("of nobody's family", model.Shape{C: 1, H: 12, W: 9})
	x := b.Bias(b.Add("first", model.Conv{Out: 5, Kernel: 3, Stride: 1, Padding: model.Padding{Top: 1, Left: 2}, Groups: 1}, b.Input()))
	x = b.Add("cut", model.Clip{Max: 6}, b.Norm("norm", x))
	x = b.Add("join", model.Concat{}, x, b.Add("twig", model.Conv{Out: 3, Kernel: 1, Stride: 1, Groups: 1}, x))
	b.Add("last", model.Linear{Out: 4}, b.Add("flat", model.Flatten{}, x))
	want, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	want.Init(2)
	want.Mean, want.Std = []float32{0.5}, []float32{0.25}
	path := filepath.Join(t.TempDir(), "n.safetensors")
	if err := Save(path, want, nil); err != nil {
		t.Fatal(err)
	}
	got, _, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(want, got) {
		t.Error("another network came back")
	}
	// A description that asks for more than the file holds gets nothing.
	tensors, metadata, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	metadata[MetaGraph] = strings.Replace(metadata[MetaGraph], `"out":4`, `"out":400000`, 1)
	if _, err := Network(tensors, metadata); err == nil || !strings.Contains(err.Error(), "last.weight: expected shape [400000 ") {
		t.Errorf("a description of other shapes: error %v", err)
	}
}
