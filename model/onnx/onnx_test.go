package onnx

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"espalier/compress/quantize"
	"espalier/model"
	"espalier/model/kernel"
)

// each calls do with a file of every sort.
func each(t *testing.T, do func(t *testing.T, m *Model)) {
	for _, shortcut := range []model.Shortcut{model.Projection, model.Pad} {
		n := randomNetwork(t, shortcut)
		h := Header{Version: "v1", Metadata: map[string]string{"mean": "0.1 0.2 0.3", "dataset": "none"}}
		for name, m := range map[string]*Model{
			"batch norm": Float(n, h), "fused": Float(n.ForInference(), h),
			"lab":    Integer(quantized(t, n, "lab", randomImages(1)), h),
			"fbgemm": Integer(quantized(t, n, "fbgemm", randomImages(1)), h),
		} {
			t.Run(string(shortcut)+" "+name, func(t *testing.T) { do(t, m) })
		}
	}
}

// TestRoundTrip: what is encoded is what the tables of fields say.
func TestRoundTrip(t *testing.T) {
	each(t, func(t *testing.T, m *Model) {
		got, err := decode(m.Encode())
		if err != nil {
			t.Fatal(err)
		}
		all := cmp.AllowUnexported(Model{}, graph{}, node{}, attribute{}, tensor{}, valueInfo{}, typeInfo{},
			tensorType{}, shapeInfo{}, dimension{}, opsetID{}, entry{})
		if diff := cmp.Diff(m, got, all); diff != "" {
			t.Error(diff)
		}
		if !bytes.Equal(m.Encode(), got.Encode()) {
			t.Error("encoding again gives other bytes")
		}
	})
}

func TestHeader(t *testing.T) {
	each(t, func(t *testing.T, m *Model) {
		if m.irVersion != 8 || !slices.Equal(m.opsets, []opsetID{{version: 13}}) {
			t.Errorf("IR version %d, operator sets %v; want 8 and 13", m.irVersion, m.opsets)
		}
		if want := []entry{{"dataset", "none"}, {"mean", "0.1 0.2 0.3"}}; !slices.Equal(m.metadata, want) || m.producerVersion != "v1" {
			t.Errorf("metadata %v of version %q", m.metadata, m.producerVersion)
		}
		if d := m.graph.inputs[0].kind.tensor.shape.dims[0]; d.name != "batch" || d.size != 0 {
			t.Errorf("the batch is %+v, want any", d)
		}
	})
}

// TestNames: weights have PyTorch's names, and values those of the
// quantization points.
func TestNames(t *testing.T) {
	n := randomNetwork(t, model.Projection)
	points := []string{"conv1", "layer1.0.conv1", "layer1.0.conv2", "layer1.0", "layer2.0.downsample.0", "layer3.0", "pool", "logits"}
	for name, m := range map[string]*Model{
		"float":   Float(n, Header{}),
		"integer": Integer(quantized(t, n, "lab", randomImages(1)), Header{}),
	} {
		has := map[string]bool{}
		for _, n := range m.graph.nodes {
			has[n.outputs[0]] = true
		}
		for _, p := range points {
			if !has[p] {
				t.Errorf("%s: no value %s", name, p)
			}
		}
	}
	initializers := map[string]bool{}
	for _, i := range Float(n, Header{}).graph.initializers {
		initializers[i.name] = true
	}
	for _, p := range n.Tensors() {
		if !initializers[p.Name] {
			t.Errorf("no initializer %s", p.Name)
		}
	}
}

// TestWriteFile: a file holds what is encoded and nothing is left beside it. A
// pruned network's zeros are in it, so that it compresses.
func TestWriteFile(t *testing.T) {
	dense := randomNetwork(t, model.Pad)
	size := func(n *model.Graph) Size {
		dir, m := t.TempDir(), Float(n.ForInference(), Header{})
		path := filepath.Join(dir, "network.onnx")
		size, err := m.WriteFile(path)
		if err != nil {
			t.Fatal(err)
		}
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(file, m.Encode()) || size.Bytes != int64(len(file)) {
			t.Errorf("%d bytes in the file, %d said", len(file), size.Bytes)
		}
		if entries, _ := os.ReadDir(dir); len(entries) != 1 {
			t.Errorf("files %v", entries)
		}
		return size
	}
	d, p := size(dense), size(pruned(t, dense))
	if d.Bytes != p.Bytes || 3*p.Compressed > d.Compressed {
		t.Errorf("a network with 90 %% zeros: %+v; dense: %+v", p, d)
	}
	if _, err := Float(dense, Header{}).WriteFile(filepath.Join(t.TempDir(), "no", "x.onnx")); err == nil || !strings.Contains(err.Error(), "check that the folder exists") {
		t.Errorf("without a folder: %v", err)
	}
}

// TestParameters: biases in integers, also where a channel's scale says
// nothing or is too small.
func TestParameters(t *testing.T) {
	const in = 0.02
	l := &quantize.Node{
		Name: "fc", Op: model.Linear{Out: 4}, Shape: model.Shape{C: 4, H: 1, W: 1},
		Weight: []int8{3, -128, 0, 0, 0, 0, 127, -60},
		Scale:  []float32{0.01, 1.1920929e-07, 1.1920929e-07, 1e-12},
		Bias:   []float32{0.5, -3, 0, 40},
	}
	before := slices.Clone(l.Weight)
	p := newParameters(&quantize.Network{Nodes: []*quantize.Node{l}}, "fc", in)
	if p.scale[0] != l.Scale[0] || p.bias[0] != 2500 {
		t.Errorf("an ordinary channel: scale %g, bias %d", p.scale[0], p.bias[0])
	}
	for k, b := range l.Bias {
		if got := float64(p.bias[k]) * float64(p.biasScale[k]); math.Abs(got-float64(b)) > 1e-6*math.Abs(float64(b)) {
			t.Errorf("channel %d: bias %g, want %g", k, got, b)
		}
		if p.bias[k] > 1<<30 || p.bias[k] < -1<<30 || p.biasScale[k] < 0x1p-126 {
			t.Errorf("channel %d: bias %d of scale %g", k, p.bias[k], p.biasScale[k])
		}
		for i := 2 * k; i < 2*k+2; i++ {
			was, is := float64(before[i])*float64(l.Scale[k]), float64(p.weight[i])*float64(p.scale[k])
			if off := math.Abs(was-is) * 255 * in; off > 1e-4*math.Abs(float64(b)) && off > 0 {
				t.Errorf("channel %d: weight %g became %g", k, was, is)
			}
		}
	}
	if !slices.Equal(l.Weight, before) {
		t.Error("the network's own weights changed")
	}
}

// TestPerChannel: weights carry one scale for each output channel, on axis 0.
func TestPerChannel(t *testing.T) {
	q := quantized(t, randomNetwork(t, model.Projection), "lab", randomImages(1))
	m := Integer(q, Header{})
	found := 0
	for _, n := range m.graph.nodes {
		if !strings.HasSuffix(n.name, ".weight.dequantize") {
			continue
		}
		found++
		if a := n.attributes; len(a) != 1 || a[0].name != "axis" || a[0].i == nil || *a[0].i != 0 {
			t.Errorf("%s: attributes %+v", n.name, a)
		}
	}
	if found != len(q.Layers()) {
		t.Errorf("%d weights, want %d", found, len(q.Layers()))
	}
	for _, i := range m.graph.initializers {
		if i.name == "layer1.0.output_scale" {
			if got := math.Float32frombits(binary.LittleEndian.Uint32(i.raw)); (kernel.Affine{Scale: got}) != q.Node("layer1.0").Output {
				t.Errorf("scale of layer1.0 is %g, want %+v", got, q.Node("layer1.0").Output)
			}
		}
	}
}

// TestParametersAtTheLimit: a bias that has to share 31 bits with the largest sum
// that a network in integers may have, of 32,768 weights.
func TestParametersAtTheLimit(t *testing.T) {
	const in = 0.02
	l := &quantize.Node{
		Name: "fc", Op: model.Linear{Out: 2}, Shape: model.Shape{C: 2, H: 1, W: 1},
		Weight: slices.Concat(slices.Repeat([]int8{-128}, quantize.MaxFan), slices.Repeat([]int8{127}, quantize.MaxFan)),
		Scale:  []float32{1e-12, 1e-7},
		Bias:   []float32{-40, -3},
	}
	p := newParameters(&quantize.Network{Nodes: []*quantize.Node{l}}, "fc", in)
	for k, b := range l.Bias {
		sum, lost := int64(p.bias[k]), 0.0
		for i := k * quantize.MaxFan; i < (k+1)*quantize.MaxFan; i++ {
			sum += 255 * int64(p.weight[i])
			lost += 255 * in * math.Abs(float64(l.Weight[i])*float64(l.Scale[k])-float64(p.weight[i])*float64(p.scale[k]))
		}
		if sum != int64(int32(sum)) {
			t.Errorf("channel %d: the largest sum with its bias is %d, beyond int32", k, sum)
		}
		if most := 0.5 * 255 * quantize.MaxFan / (1 << 30) * math.Abs(float64(b)); lost > most {
			t.Errorf("channel %d: weights lose %g, want %g at most", k, lost, most)
		}
	}
}
