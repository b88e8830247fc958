package weights

import (
	"fmt"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
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
		comesBack(t, want, "torchvision", func(name string) string { return name })
	}
}

// comesBack reads a network's tensors under the names that others give them.
func comesBack(t *testing.T, want *model.Graph, whose string, renamed func(name string) string) {
	t.Helper()
	tensors := FromNetwork(want)
	for i := range tensors {
		tensors[i].Name = renamed(tensors[i].Name)
		if strings.HasPrefix(tensors[i].Name, "pre_logits.") && strings.HasSuffix(tensors[i].Name, "weight") {
			side := 1
			if strings.Contains(tensors[i].Name, "fc1") {
				side = 7
			}
			tensors[i].Shape = []int{tensors[i].Shape[0], tensors[i].Shape[1] / (side * side), side, side}
		}
	}
	got, notes, err := NotedNetwork(tensors, nil)
	if err != nil {
		t.Errorf("%s under the names of %s: %v", want.Name, whose, err)
		return
	}
	if !got.SameStructure(want) || got.Name != want.Name || !reflect.DeepEqual(got.Tensors(), want.Tensors()) {
		t.Errorf("%s under the names of %s came back as %s", want.Name, whose, got.Name)
	}
	if text := strings.Join(notes, "\n"); !strings.Contains(text, "for images of") && !strings.HasPrefix(want.Name, "resnet20") {
		t.Errorf("%s under the names of %s: notes %q do not say which images", want.Name, whose, text)
	}
}

// TestOtherNames: networks come back under the names that their modules have in the
// repositories that people train with.
func TestOtherNames(t *testing.T) {
	cifar, large := model.Shape{C: 3, H: 32, W: 32}, model.Shape{C: 3, H: 224, W: 224}
	replace := func(pairs ...string) func(string) string { return strings.NewReplacer(pairs...).Replace }
	// blocks names the module of torchvision's features.N as timm's block of a stage.
	blocks := func(n int) string {
		for stage, count := range []int{1, 2, 3, 4, 3, 3, 1} {
			if n <= count {
				return fmt.Sprintf("blocks.%d.%d", stage, n-1)
			}
			n -= count
		}
		return ""
	}
	timmMobile := func(name string) string {
		var n int
		fmt.Sscanf(name, "features.%d.", &n)
		_, rest, _ := strings.Cut(strings.TrimPrefix(name, "features."), ".")
		switch {
		case n == 1:
			return blocks(1) + "." + replace("conv.0.0", "conv_dw", "conv.0.1", "bn1", "conv.1", "conv_pw", "conv.2", "bn2")(rest)
		case n > 1 && n < 18:
			return blocks(n) + "." + replace("conv.0.0", "conv_pw", "conv.0.1", "bn1", "conv.1.0", "conv_dw", "conv.1.1", "bn2", "conv.2", "conv_pwl", "conv.3", "bn3")(rest)
		}
		return replace("features.0.0", "conv_stem", "features.0.1", "bn1", "features.18.0", "conv_head", "features.18.1", "bn2", "classifier.1", "classifier")(name)
	}
	weiaicunzai := func(name string) string {
		if strings.HasPrefix(name, "layer") {
			name = fmt.Sprintf("conv%d_x%s", name[5]-'0'+1, name[6:])
			return replace("conv1", "residual_function.0", "bn1", "residual_function.1", "conv2.", "residual_function.3.", "bn2", "residual_function.4", "downsample", "shortcut")(name)
		}
		return replace("conv1.", "conv1.0.", "bn1.", "conv1.1.")(name)
	}
	old := regexp.MustCompile(`(denselayer\d+\.(?:norm|conv))([12])\.`)
	kuangliu := replace(".downsample.", ".shortcut.", "fc.", "linear.")
	for _, c := range []struct {
		whose string
		spec  model.Spec
		names func(string) string
		one   string // a name that the repository has
	}{
		{"akamaster", model.Spec{Network: model.CIFARResNet, Shortcut: model.Pad, Input: cifar, Classes: 10}, kuangliu, "linear.weight"},
		{"chenyaofo", model.Spec{Network: model.CIFARResNet, Shortcut: model.Projection, Input: cifar, Classes: 10}, replace(), "layer2.0.downsample.0.weight"},
		{"chenyaofo", model.Spec{Network: model.VGG, Depth: 19, Width: 0.125, Input: cifar, Classes: 10}, replace(), "features.50.running_var"},
		{"chenyaofo", model.Spec{Network: model.MobileNetV2, Width: 0.5, Input: cifar, Classes: 10}, replace(), "features.1.conv.0.0.weight"},
		{"kuangliu", model.Spec{Network: model.ResNetBasic, Width: 0.125, Input: cifar, Classes: 10}, kuangliu, "layer2.0.shortcut.1.running_mean"},
		{"kuangliu", model.Spec{Network: model.VGG, Depth: 13, Width: 0.125, Hidden: -1, Input: cifar, Classes: 10}, replace(), "classifier.weight"},
		{"weiaicunzai", model.Spec{Network: model.ResNetBasic, Depth: 34, Width: 0.125, Input: cifar, Classes: 100}, weiaicunzai, "conv3_x.0.residual_function.4.weight"},
		{"weiaicunzai", model.Spec{Network: model.VGG, Depth: 11, Width: 0.125, Hidden: 400, Input: cifar, Classes: 100}, replace("classifier.6", "classifier.5"), "classifier.5.weight"},
		{"torchvision", model.Spec{Network: model.DenseNet, Depth: 121, Width: 0.25, Input: large, Classes: 1000}, func(name string) string { return old.ReplaceAllString(name, "$1.$2.") }, "features.denseblock4.denselayer16.norm.2.running_var"},
		{"timm", model.Spec{Network: model.DenseNet, Depth: 169, Width: 0.25, Input: large, Classes: 10}, replace(), "features.transition3.conv.weight"},
		{"timm", model.Spec{Network: model.ResNetBasic, Width: 0.125, Input: large, Classes: 1000}, replace(), "layer4.0.downsample.0.weight"},
		{"timm", model.Spec{Network: model.MobileNetV2, Width: 0.5, Input: large, Classes: 1000}, timmMobile, "blocks.6.0.conv_pwl.weight"},
		{"timm", model.Spec{Network: model.VGG, Depth: 16, Width: 0.0625, Hidden: 96, Input: large, Classes: 1000}, replace("classifier.0", "pre_logits.fc1", "classifier.3", "pre_logits.fc2", "classifier.6", "head.fc"), "head.fc.bias"},
	} {
		want, err := c.spec.Build()
		if err != nil {
			t.Fatal(err)
		}
		want.Init(1)
		if !slices.ContainsFunc(want.Tensors(), func(x model.Tensor) bool { return c.names(x.Name) == c.one }) {
			t.Errorf("%s under the names of %s has no %s", want.Name, c.whose, c.one)
		}
		comesBack(t, want, c.whose, c.names)
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
