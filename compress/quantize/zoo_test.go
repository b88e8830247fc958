package quantize

import (
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"espalier/internal/shared"
	"espalier/model"
	"espalier/model/kernel"
	"espalier/model/weights"
)

// zooGraph returns one of the networks of ../shared/zoo with its weights.
func zooGraph(t testing.TB, name string) *model.Graph {
	t.Helper()
	b := model.NewBuilder(name, model.Shape{C: 3, H: 32, W: 32})
	switch name {
	case "vgg":
		zooVGG(b)
	case "squeezenet":
		zooSqueezeNet(b)
	case "resnet_odd":
		zooResNet(b)
	}
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	path := shared.Path("zoo/" + name + ".pt")
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no reference data: %v; set ESPALIER_SHARED to the folder that holds zoo/", err)
	}
	tensors, _, err := weights.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]weights.Tensor{}
	for _, x := range tensors {
		byName[x.Name] = x
	}
	for _, want := range g.Tensors() {
		x, ok := byName[want.Name]
		if !ok || !slices.Equal(x.Shape, want.Shape) {
			t.Fatalf("%s: tensor %s of shape %v, want %v", name, want.Name, x.Shape, want.Shape)
		}
		values, err := x.Float32s()
		if err != nil {
			t.Fatal(err)
		}
		copy(want.Data, values)
		delete(byName, want.Name)
	}
	for name := range byName {
		if !strings.HasSuffix(name, ".num_batches_tracked") {
			t.Fatalf("the graph has no tensor %s", name)
		}
	}
	return g
}

func conv3(b *model.Builder, name string, out, stride int, x *model.Node) *model.Node {
	return b.Add(name, model.Conv{Out: out, Kernel: 3, Stride: stride, Padding: model.Pad2D(1), Groups: 1}, x)
}

func zooVGG(b *model.Builder) {
	x := b.Input()
	block := func(conv, norm string, out int) {
		x = b.Add(conv+".relu", model.ReLU{}, b.Norm(norm, b.Bias(conv3(b, conv, out, 1, x))))
	}
	pool := func(name string) { x = b.Add(name, model.MaxPool{Kernel: 2, Stride: 2}, x) }
	block("0", "1", 24)
	block("3", "4", 24)
	pool("6")
	block("7", "8", 48)
	block("10", "11", 48)
	pool("13")
	block("14", "15", 96)
	block("17", "18", 96)
	pool("20")
	x = b.Add("21", model.Flatten{}, x)
	x = b.Add("23", model.ReLU{}, b.Add("22", model.Linear{Out: 128}, x))
	b.Add("25", model.Linear{Out: 10}, b.Add("24", model.Dropout{P: 0.5}, x))
}

func zooSqueezeNet(b *model.Builder) {
	x := b.Input()
	conv := func(name string, out, kernel int, x *model.Node) *model.Node {
		return b.Add(name+".relu", model.ReLU{}, b.Bias(b.Add(name, model.Conv{Out: out, Kernel: kernel, Stride: 1, Padding: model.Pad2D(kernel / 2), Groups: 1}, x)))
	}
	fire := func(name string, squeeze, expand int) {
		s := conv(name+".squeeze", squeeze, 1, x)
		x = b.Add(name+".cat", model.Concat{}, conv(name+".a", expand, 1, s), conv(name+".b", expand, 3, s))
	}
	x = conv("0", 32, 3, x)
	x = b.Add("2", model.MaxPool{Kernel: 3, Stride: 2, Padding: model.Pad2D(1)}, x)
	fire("3", 16, 32)
	fire("4", 16, 32)
	x = b.Add("5", model.MaxPool{Kernel: 3, Stride: 2, Padding: model.Pad2D(1)}, x)
	fire("6", 24, 48)
	fire("7", 24, 48)
	x = b.Add("8", model.Dropout{P: 0.5}, x)
	x = b.Bias(b.Add("9", model.Conv{Out: 10, Kernel: 1, Stride: 1, Groups: 1}, x))
	b.Add("11", model.Flatten{}, b.Add("10", model.GlobalAvgPool{}, x))
}

func zooResNet(b *model.Builder) {
	x := b.Add("relu", model.ReLU{}, b.Norm("bn1", conv3(b, "conv1", 20, 1, b.Input())))
	for i, out := range []int{20, 40, 72, 100} {
		stride := 1
		if i > 0 {
			stride = 2
		}
		name := "layer" + string(rune('1'+i)) + ".0"
		y := b.Add(name+".relu1", model.ReLU{}, b.Norm(name+".bn1", conv3(b, name+".conv1", out, stride, x)))
		y = b.Norm(name+".bn2", conv3(b, name+".conv2", out, 1, y))
		if i > 0 {
			x = b.Norm(name+".shortcut.1", b.Add(name+".shortcut.0", model.Conv{Out: out, Kernel: 1, Stride: stride, Groups: 1}, x))
		}
		x = b.Add(name+".relu", model.ReLU{}, b.Add(name, model.Add{}, y, x))
	}
	x = b.Add("pool", model.AvgPool{Kernel: 4, Stride: 4}, x)
	b.Add("linear", model.Linear{Out: 10}, b.Add("flatten", model.Flatten{}, x))
}

// zooScale returns what PyTorch has for a node's output; not ok where there is
// nothing to compare.
func zooScale(f goldenFile, n *Node) (scale float64, zero int, ok bool) {
	names := []string{n.Name + ".", strings.ReplaceAll(n.Name, ".", "_")}
	switch n.Op.(type) {
	case model.Input:
		names = []string{"0_input", "conv1_input"}
	case model.Flatten:
		names = []string{n.Name, ""} // a module, or a method that has no name
	}
	for _, name := range names {
		for _, suffix := range [][2]string{{"scale", "zero_point"}, {"_scale_0", "_zero_point_0"}, {"_scale_1", "_zero_point_1"}} {
			if s, ok := f.tensors[name+suffix[0]]; ok {
				scale, err := s.Float32s()
				if err != nil {
					f.t.Fatal(err)
				}
				return float64(scale[0]), int(f.tensors[name+suffix[1]].Data[0]), true
			}
		}
	}
	return 0, 0, false
}

// zooNetworks are the networks' names.
var zooNetworks = []string{"vgg", "squeezenet", "resnet_odd"}

// zooBuilds returns a network of ../shared/zoo quantized as PyTorch's FX did, with
// what FX made of it: calibrated with two observers on the same images.
func zooBuilds(t *testing.T, name string) map[string]zooBuild {
	images := loadZooImages(t)
	g := torchFold(zooGraph(t, name))
	floats := &recordedFloats{of: torchFloats{g}}
	builds := map[string]zooBuild{}
	for _, c := range []struct {
		file, observer, recipe string
	}{{"minmax", MinMax, "onednn"}, {"histogram_reduced", Histogram, "fbgemm"}} {
		f := readGolden(t, shared.Path("zoo/"+name+"_"+c.file+".safetensors"))
		r := named(t, c.recipe)
		floats.next = 0
		err := Calibrate(floats, testEngine(t, ""), r.Observers(g), []string{c.observer}, imagesOf(images.train), []int{zooTrain}, func(found *Calibration) error {
			q, err := Build(g, found, r)
			builds[c.file] = zooBuild{q, f}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return builds
}

type zooBuild struct {
	*Network
	golden goldenFile
}

// recordedFloats keeps what it shows the first time.
type recordedFloats struct {
	of   Floats
	all  [][]recordedPoint // by call
	next int
}

type recordedPoint struct {
	point string
	rows  [][]float32
}

func (f *recordedFloats) Observe(x []float32, see func(string, model.Rows)) {
	if f.next == len(f.all) {
		var all []recordedPoint
		f.of.Observe(x, func(point string, rows model.Rows) {
			all = append(all, recordedPoint{point, slices.Collect(rows)})
		})
		f.all = append(f.all, all)
	}
	for _, p := range f.all[f.next] {
		see(p.point, slices.Values(p.rows))
	}
	f.next++
}

// TestZooMatchesPyTorch quantizes networks of other families as PyTorch did, on
// the same images: every code and scale of a weight and every zero point is
// PyTorch's, and so is every activation's scale that comes of the extremes. Of
// the scales that histograms give, all but a few are: their search hangs on
// single counts (see TestCalibrationMatchesPyTorch), and ends a bin or two beside
// PyTorch's where an observer sees millions of values.
//
// In PyTorch's order of operations, logits are then PyTorch's to the last bit, but for one.
func TestZooMatchesPyTorch(t *testing.T) {
	if testing.Short() {
		t.Skip("calibrating in PyTorch's order takes ten seconds a network")
	}
	for _, name := range zooNetworks {
		for file, b := range zooBuilds(t, name) {
			f, compared, beside := b.golden, 0, 0
			for _, n := range b.Nodes {
				if n.IsLayer() {
					if !slices.Equal(f.int8s(n.Name+".weight"), n.Weight) || !slices.Equal(f.floats(n.Name+".weight_scale"), n.Scale) {
						t.Errorf("%s, %s: %s has other codes or scales", name, file, n.Name)
					}
				}
				scale, zero, ok := zooScale(f, n)
				if !ok {
					continue
				}
				compared++
				off := math.Abs(float64(n.Output.Scale)/scale - 1)
				if off > 1e-5 && off < 1e-3 && file != "minmax" {
					beside++
				} else if off > 1e-5 || int(n.Output.Zero) != zero {
					t.Errorf("%s, %s: %s has scale %g and zero point %d, PyTorch has %g and %d", name, file, n.Name, n.Output.Scale, n.Output.Zero, scale, zero)
				}
				n.Output = kernel.Affine{Scale: float32(scale), Zero: uint8(zero)}
			}
			t.Logf("%s, %s: %d scales compared, %d a bin or two beside", name, file, compared, beside)
			if compared < 10 || beside > 2 {
				t.Errorf("%s, %s: %d scales compared, want 10; %d beside, want 2 at most", name, file, compared, beside)
			}
			for _, n := range b.Nodes {
				if n.Keeps {
					n.Output = n.Inputs[0].Output
				}
			}
			b.compareLogits(t, name+", "+file)
		}
	}
}

// TestZooCalibration: the engine's own observation of any graph gives PyTorch's
// scales and zero points too.
func TestZooCalibration(t *testing.T) {
	images := loadZooImages(t)
	for _, name := range zooNetworks {
		g, r := zooGraph(t, name), named(t, "onednn")
		f := readGolden(t, shared.Path("zoo/"+name+"_minmax.safetensors"))
		e := testEngine(t, "")
		err := Calibrate(model.NewEvaluator(g, e, CalibrationBatch), e, r.Observers(g), []string{MinMax}, imagesOf(images.train), []int{zooTrain}, func(found *Calibration) error {
			q, err := Build(g, found, r)
			if err != nil {
				return err
			}
			compared := 0
			for _, n := range q.Nodes {
				scale, zero, ok := zooScale(f, n)
				if !ok {
					continue
				}
				compared++
				if math.Abs(float64(n.Output.Scale)/scale-1) > 1e-5 || int(n.Output.Zero) != zero {
					t.Errorf("%s: %s has scale %g and zero point %d, PyTorch has %g and %d", name, n.Name, n.Output.Scale, n.Output.Zero, scale, zero)
				}
			}
			if compared < 10 {
				t.Errorf("%s: %d scales compared", name, compared)
			}
			return nil
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// compareLogits compares logits on the first test images with PyTorch's.
func (b zooBuild) compareLogits(t *testing.T, what string) {
	x := loadZooImages(t).test
	want, classes := b.golden.floats("logits"), b.Classes()
	got := make([]float32, zooTest*classes)
	NewEvaluator(b.Network, testEngine(t, "")).Logits(got, x)
	step, worst, within, top := b.Output().Output.Scale, 0, 0, 0
	for i := range want {
		d := int(math.Abs(math.Round(float64((got[i] - want[i]) / step))))
		worst = max(worst, d)
		if d <= 1 {
			within++
		}
	}
	for i := 0; i < len(want); i += classes {
		if largest(got[i:i+classes]) == largest(want[i:i+classes]) {
			top++
		}
	}
	const images = 20
	same, ordered := 0, make([]float32, images*classes)
	testEngine(t, "").Each(images, func(_, i int) {
		copy(ordered[i*classes:], torchLogits(b.Network, x[i*pixels:(i+1)*pixels], &differences{}))
	})
	for i, v := range ordered {
		if v == want[i] {
			same++
		}
	}
	t.Logf("%s: %d of %d logits within one step, at most %d steps; top-1 the same on %d of %d images; in PyTorch's order %d of %d logits the same", what, within, len(want), worst, top, zooTest, same, len(ordered))
	if 100*within < 98*len(want) || worst > 3 || top < zooTest-2 {
		t.Errorf("%s: want 98 %% of logits within one step, at most 3 steps, and top-1 the same but on 2 images", what)
	}
	if same < len(ordered)-1 {
		t.Errorf("%s: in PyTorch's order %d of %d logits are PyTorch's, want all but one", what, same, len(ordered))
	}
}
