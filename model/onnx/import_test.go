package onnx

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"espalier/model"
)

// A spelling is a file as another program writes it, and the network that it
// must be read as.
type spelling struct {
	name    string
	file    func() *Model
	plan    string // see plan
	note    string // part of the one note; empty for none
	noCheck bool   // onnxruntime refuses the file or computes something random
}

// spellings are the ways in which exporters write the same things: each is a trap
// that importers fell into.
func spellings() []spelling {
	return slices.Concat(layerSpellings(), activationSpellings(), shapeSpellings(), windowSpellings(), layoutSpellings(), dataSpellings())
}

func layerSpellings() []spelling {
	conv := "conv = Conv{Out:4 Kernel:3 Stride:1 Padding:{Top:1 Left:1 Bottom:1 Right:1} Groups:1}(input) 4×8×8"
	rest := "\nglobalaveragepool_1 = GlobalAvgPool(conv) 4×1×1\nfc = Linear{Out:5}(globalaveragepool_1) 5×1×1"
	norm := func(f *fixture, name string, c int, attributes ...attribute) *fixture {
		return f.op("BatchNormalization", []string{f.weight(name+".weight", c), f.weight(name+".bias", c), f.weight(name+".running_mean", c), f.positive(name+".running_var", c)}, attributes...)
	}
	return []spelling{
		{name: "a bias of shape [1][c][1][1]", plan: conv + rest, noCheck: true, file: func() *Model {
			f := images(13).conv("conv", 3, 4)
			f.constant("conv.bias").dims = []int64{1, 4, 1, 1}
			return f.head(4)
		}},
		{name: "a convolution without kernel_shape, strides and pads", file: func() *Model {
			f := images(13)
			f.op("Conv", []string{f.weight("conv.weight", 4, 3, 3, 3)})
			return f.head(4)
		}, plan: "conv = Conv{Out:4 Kernel:3 Stride:1 Padding:{Top:0 Left:0 Bottom:0 Right:0} Groups:1}(input) 4×6×6" + rest},
		{name: "depthwise", file: func() *Model {
			f := images(13)
			f.op("Conv", []string{f.weight("conv.weight", 3, 1, 5, 5)}, intAttribute("group", 3), intsAttribute("pads", 2, 2, 2, 2), intsAttribute("strides", 2, 2))
			return f.head(3)
		}, plan: "conv = Conv{Out:3 Kernel:5 Stride:2 Padding:{Top:2 Left:2 Bottom:2 Right:2} Groups:3}(input) 3×4×4\nglobalaveragepool_1 = GlobalAvgPool(conv) 3×1×1\nfc = Linear{Out:5}(globalaveragepool_1) 5×1×1"},
		{name: "onnxruntime's fused convolution", file: func() *Model {
			f := images(13)
			f.opsets = append(f.opsets, opsetID{"com.microsoft", 1})
			f.op("com.microsoft::FusedConv", []string{f.weight("conv.weight", 4, 3, 3, 3), f.weight("conv.bias", 4)}, intsAttribute("pads", 1, 1, 1, 1), textAttribute("activation", "Relu"))
			return f.head(4)
		}, plan: conv + "\nconv.relu = ReLU(conv) 4×8×8\nglobalaveragepool_1 = GlobalAvgPool(conv.relu) 4×1×1\nfc = Linear{Out:5}(globalaveragepool_1) 5×1×1"},
		{name: "onnxruntime's fused Gemm", file: func() *Model {
			f := images(13).conv("conv", 3, 4).op("GlobalAveragePool", nil).op("Flatten", nil)
			f.opsets = append(f.opsets, opsetID{"com.microsoft", 1})
			return f.op("com.microsoft::FusedGemm", []string{f.weight("fc.weight", 5, 4), f.weight("fc.bias", 5)}, intAttribute("transB", 1),
				textAttribute("activation", "HardSigmoid"), floatAttribute("activation_alpha", 1.0/6), floatAttribute("activation_beta", 0.5)).end()
		}, plan: conv + rest + "\nfc.hard_sigmoid = HardSigmoid(fc) 5×1×1"},
		{name: "batch norm with attributes of old sets", file: func() *Model {
			return norm(images(8).conv("conv", 3, 4), "bn", 4, intAttribute("spatial", 1), floatAttribute("epsilon", 1e-3), floatAttribute("momentum", 0.99)).head(4)
		}, plan: conv + "\nbn = BatchNorm{Epsilon:0.001 Momentum:0.010000000000000009}(conv) 4×8×8\nglobalaveragepool_2 = GlobalAvgPool(bn) 4×1×1\nfc = Linear{Out:5}(globalaveragepool_2) 5×1×1"},
		{name: "batch norm with outputs of training", note: "training mode", noCheck: true, file: func() *Model {
			f := norm(images(9).conv("conv", 3, 4), "bn", 4)
			f.graph.nodes[1].outputs = append(f.graph.nodes[1].outputs, "mean", "var", "saved_mean", "saved_var")
			return f.head(4)
		}, plan: conv + "\nbn = BatchNorm{Epsilon:1e-05 Momentum:0.09999999999999998}(conv) 4×8×8\nglobalaveragepool_2 = GlobalAvgPool(bn) 4×1×1\nfc = Linear{Out:5}(globalaveragepool_2) 5×1×1"},
		{name: "batch norm before a convolution and behind a MatMul", file: func() *Model {
			f := norm(images(13), "first", 3).conv("conv", 3, 4)
			f.op("GlobalAveragePool", nil).op("Flatten", nil)
			f.op("MatMul", []string{f.weight("fc.weight", 4, 5)})
			return norm(f, "last", 5).end()
		}, plan: "first = BatchNorm{Epsilon:1e-05 Momentum:0.09999999999999998}(input) 3×8×8\n" + strings.Replace(conv, "input", "first", 1) +
			"\nglobalaveragepool_2 = GlobalAvgPool(conv) 4×1×1\nfc = Linear{Out:5}(globalaveragepool_2) 5×1×1\nlast = BatchNorm{Epsilon:1e-05 Momentum:0.09999999999999998}(fc) 5×1×1"},
		{name: "Gemm with alpha, beta and no transpose", plan: conv + rest, file: func() *Model {
			f := images(13).conv("conv", 3, 4).op("GlobalAveragePool", nil).op("Flatten", nil)
			return f.op("Gemm", []string{f.weight("fc.weight", 4, 5), f.weight("fc.bias", 1, 5)}, floatAttribute("alpha", 0.5), floatAttribute("beta", 2)).end()
		}},
		{name: "Gemm without a bias", plan: conv + rest, file: func() *Model {
			f := images(13).conv("conv", 3, 4).op("GlobalAveragePool", nil).op("Flatten", nil)
			return f.op("Gemm", []string{f.weight("fc.weight", 5, 4)}, intAttribute("transB", 1)).end()
		}},
		{name: "Gemm with one number as bias", plan: conv + rest, file: func() *Model {
			f := images(13).conv("conv", 3, 4).op("GlobalAveragePool", nil).op("Flatten", nil)
			return f.op("Gemm", []string{f.weight("fc.weight", 5, 4), f.scalar("c", 0.7)}, intAttribute("transB", 1)).end()
		}},
		{name: "MatMul and Add", plan: conv + rest, file: func() *Model {
			f := images(13).conv("conv", 3, 4).op("GlobalAveragePool", nil).op("Flatten", nil)
			f.op("MatMul", []string{f.weight("fc.weight", 4, 5)})
			return f.on("Add", []string{f.weight("fc.bias", 5), f.last}).end()
		}},
		{name: "a convolution, then scale and shift of its channels", plan: conv + strings.ReplaceAll(rest, "pool_1", "pool_3"), file: func() *Model {
			f := images(13).conv("conv", 3, 4)
			f.op("Mul", []string{f.weight("scale", 4, 1, 1)})
			return f.op("Add", []string{f.weight("shift", 1, 4, 1, 1)}).head(4)
		}},
		{name: "a scale of what others read too", file: func() *Model {
			f := images(13).conv("conv", 3, 4)
			f.op("Mul", []string{f.scalar("two", 2)})
			f.op("Relu", nil)
			return f.op("Add", []string{"v0"}).op("Add", []string{"v1"}).head(4)
		}, plan: conv + `
mul_1 = BatchNorm{Epsilon:1e-05 Momentum:0.1}(conv) 4×8×8
relu_2 = ReLU(mul_1) 4×8×8
add_3 = Add(relu_2, conv) 4×8×8
add_4 = Add(add_3, mul_1) 4×8×8
globalaveragepool_5 = GlobalAvgPool(add_4) 4×1×1
fc = Linear{Out:5}(globalaveragepool_5) 5×1×1`},
		{name: "images normalised in the network", file: func() *Model {
			f := images(13)
			f.op("Sub", []string{f.weight("mean", 3, 1, 1)})
			return f.op("Div", []string{f.positive("std", 3, 1, 1)}).conv("conv", 3, 4).head(4)
		}, plan: "div_1 = BatchNorm{Epsilon:1e-05 Momentum:0.1}(input) 3×8×8\n" + strings.Replace(conv, "input", "div_1", 1) + strings.ReplaceAll(rest, "pool_1", "pool_3")},
	}
}

func activationSpellings() []spelling {
	conv := "conv = Conv{Out:4 Kernel:3 Stride:1 Padding:{Top:1 Left:1 Bottom:1 Right:1} Groups:1}(input) 4×8×8\n"
	head := func(name string) string {
		return fmt.Sprintf("\npool = GlobalAvgPool(%s) 4×1×1\nfc = Linear{Out:5}(pool) 5×1×1", name)
	}
	// of makes a file of an activation behind a convolution.
	of := func(opset int64, do func(f *fixture)) func() *Model {
		return func() *Model {
			f := images(opset).conv("conv", 3, 4)
			do(f)
			f.op("GlobalAveragePool", nil)
			f.graph.nodes[len(f.graph.nodes)-1].name = "pool"
			return f.op("Flatten", nil).gemm(4)
		}
	}
	six := conv + "clip_1 = Clip{Min:0 Max:6}(conv) 4×8×8" + head("clip_1")
	half := conv + "clip_1 = Clip{Min:-0.5 Max:0.5}(conv) 4×8×8" + head("clip_1")
	swish := func(name string) string { return conv + name + " = HardSwish(conv) 4×8×8" + head(name) }
	return []spelling{
		{name: "clip with attributes", plan: half, file: of(10, func(f *fixture) {
			f.op("Clip", nil, floatAttribute("min", -0.5), floatAttribute("max", 0.5))
		})},
		{name: "clip with inputs", plan: half, file: of(13, func(f *fixture) {
			f.op("Clip", []string{f.scalar("low", -0.5), f.scalar("high", 0.5)})
		})},
		{name: "clip with bounds of shape [1]", plan: six, noCheck: true, file: of(13, func(f *fixture) {
			f.op("Clip", []string{f.graph.floats("low", []int{1}, 0), f.graph.floats("high", []int{1}, 6)})
		})},
		{name: "clip without a lower bound", file: of(13, func(f *fixture) {
			f.op("Clip", []string{"", f.scalar("high", 0.25)})
		}), plan: conv + fmt.Sprintf("clip_1 = Clip{Min:%v Max:0.25}(conv) 4×8×8", float32(-math.MaxFloat32)) + head("clip_1")},
		{name: "clip without an upper bound", plan: conv + "clip_1 = ReLU(conv) 4×8×8" + head("clip_1"), file: of(11, func(f *fixture) {
			f.op("Clip", []string{f.scalar("low", 0)})
		})},
		{name: "clip without bounds", plan: conv[:len(conv)-1] + head("conv"), file: of(13, func(f *fixture) { f.op("Clip", nil) })},
		{name: "clip with bounds from Constant nodes", plan: strings.ReplaceAll(six, "clip_1", "clip_3"), file: of(13, func(f *fixture) {
			x := f.last
			f.on("Constant", nil, floatAttribute("value_float", 0)).on("Constant", nil, tensorAttribute("value", &tensor{dataType: typeFloat, floats: []float32{6}}))
			f.on("Clip", []string{x, "v1", "v2"})
		})},
		{name: "Max and Min", file: of(13, func(f *fixture) {
			f.on("Max", []string{f.scalar("low", -0.125), f.last})
			f.op("Min", []string{f.scalar("high", 0.5)})
		}), plan: conv + fmt.Sprintf("max_1 = Clip{Min:-0.125 Max:%v}(conv) 4×8×8\nmin_2 = Clip{Min:%v Max:0.5}(max_1) 4×8×8", float32(math.MaxFloat32), float32(-math.MaxFloat32)) + head("min_2")},
		{name: "LeakyRelu with its default", plan: conv + "leakyrelu_1 = LeakyReLU{Slope:0.01}(conv) 4×8×8" + head("leakyrelu_1"), file: of(13, func(f *fixture) { f.op("LeakyRelu", nil) })},
		{name: "PRelu with one slope", plan: conv + "prelu_1 = LeakyReLU{Slope:0.25}(conv) 4×8×8" + head("prelu_1"), file: of(13, func(f *fixture) {
			f.op("PRelu", []string{f.graph.floats("slope", []int{1}, 0.25)})
		})},
		{name: "SiLU", plan: conv + "mul_2 = SiLU(conv) 4×8×8" + head("mul_2"), file: of(13, func(f *fixture) {
			x := f.last
			f.op("Sigmoid", nil)
			f.on("Mul", []string{f.last, x})
		})},
		{name: "HardSwish", plan: swish("hardswish_1"), file: of(14, func(f *fixture) { f.op("HardSwish", nil) })},
		{name: "HardSwish as a product", plan: swish("mul_2"), file: of(13, func(f *fixture) {
			x := f.last
			f.op("HardSigmoid", nil, floatAttribute("alpha", 1.0/6))
			f.on("Mul", []string{x, f.last})
		})},
		{name: "HardSwish as x·relu6(x+3)/6", plan: swish("mul_3"), file: of(13, func(f *fixture) {
			x := f.last
			f.op("Add", []string{f.scalar("three", 3)}).op("Clip", []string{f.scalar("zero", 0), f.scalar("six", 6)})
			f.on("Mul", []string{x, f.last}).op("Div", []string{"six"})
		})},
		{name: "HardSwish as x·(relu6(x+3)/6)", plan: swish("mul_4"), file: of(10, func(f *fixture) {
			x := f.last
			f.op("Add", []string{f.scalar("three", 3)}).op("Clip", nil, floatAttribute("min", 0), floatAttribute("max", 6))
			f.op("Mul", []string{f.scalar("sixth", 1.0/6)}).on("Mul", []string{x, f.last})
		})},
		{name: "HardSigmoid with its defaults", file: of(13, func(f *fixture) { f.op("HardSigmoid", nil) }),
			plan: conv + "hardsigmoid_1.line = BatchNorm{Epsilon:1e-05 Momentum:0.1}(conv) 4×8×8\nhardsigmoid_1 = Clip{Min:0 Max:1}(hardsigmoid_1.line) 4×8×8" + head("hardsigmoid_1")},
		{name: "squeeze and excite", file: of(13, func(f *fixture) {
			x := f.last
			f.op("GlobalAveragePool", nil)
			f.op("Conv", []string{f.weight("se.weight", 4, 4, 1, 1), f.weight("se.bias", 4)})
			f.op("Sigmoid", nil)
			f.on("Mul", []string{f.last, x})
		}), plan: conv + `globalaveragepool_1 = GlobalAvgPool(conv) 4×1×1
se = Conv{Out:4 Kernel:1 Stride:1 Padding:{Top:0 Left:0 Bottom:0 Right:0} Groups:1}(globalaveragepool_1) 4×1×1
sigmoid_3 = Sigmoid(se) 4×1×1
mul_4 = Mul(conv, sigmoid_3) 4×8×8` + head("mul_4")},
		{name: "a sum of three, and a concatenation", file: of(13, func(f *fixture) {
			f.op("Relu", nil).on("Sum", []string{"v0", "v1", "v1"})
			f.on("Concat", []string{f.last, "v0"}, intAttribute("axis", -3))
			f.op("Conv", []string{f.weight("last.weight", 4, 8, 1, 1)})
		}), plan: conv + `relu_1 = ReLU(conv) 4×8×8
sum_2 = Add(conv, relu_1, relu_1) 4×8×8
concat_3 = Concat(sum_2, conv) 8×8×8
last = Conv{Out:4 Kernel:1 Stride:1 Padding:{Top:0 Left:0 Bottom:0 Right:0} Groups:1}(concat_3) 4×8×8` + head("last")},
		{name: "dropout and identity", file: of(11, func(f *fixture) {
			f.op("Identity", nil).op("Dropout", nil, floatAttribute("ratio", 0.3)).op("Cast", nil, intAttribute("to", typeFloat))
		}), plan: conv + "dropout_2 = Dropout{P:0.3}(conv) 4×8×8" + head("dropout_2")},
		{name: "softmax at the end", note: "the Softmax at the end is left out", noCheck: true, plan: conv[:len(conv)-1] + head("conv"), file: func() *Model {
			m := of(13, func(*fixture) {})()
			m.graph.nodes = append(m.graph.nodes, node{op: "Softmax", inputs: []string{m.graph.outputs[0].name}, outputs: []string{"p"}}, node{op: "Identity", inputs: []string{"p"}, outputs: []string{"q"}})
			m.graph.outputs[0].name = "q"
			return m
		}},
		{name: "a second output", note: "left out: v0", noCheck: true, plan: conv[:len(conv)-1] + head("conv"), file: func() *Model {
			m := of(13, func(*fixture) {})()
			m.graph.outputs = append(m.graph.outputs, valueInfo{name: "v0"})
			return m
		}},
	}
}

// TestSpellings: every spelling is read as the network that it is.
func TestSpellings(t *testing.T) {
	for _, s := range spellings() {
		t.Run(s.name, func(t *testing.T) {
			f, err := Read(written(t, s.file()))
			if err != nil {
				t.Fatal(err)
			}
			if got := plan(f.Float); got != s.plan {
				t.Errorf("read as\n%s\nwant\n%s", got, s.plan)
			}
			if notes := strings.Join(f.Notes, "; "); s.note == "" && notes != "" || !strings.Contains(notes, s.note) {
				t.Errorf("notes %q, want %q", notes, s.note)
			}
		})
	}
}

// TestSpellingsInRuntime: the network that was read, and the file that it is
// exported to, give the logits that onnxruntime computes of the file that was
// read.
func TestSpellingsInRuntime(t *testing.T) {
	r := newRuntime(t)
	for _, s := range spellings() {
		if s.noCheck {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			m := s.file()
			f, err := Read(written(t, m))
			if err != nil {
				t.Fatal(err)
			}
			dims := m.graph.inputs[len(m.graph.inputs)-1].kind.tensor.shape.dims
			n, shape := 2, f.Float.Input().Shape
			if dims[0].size > 0 {
				n = int(dims[0].size)
			}
			x := make([]float32, n*shape.Len())
			for i := range x {
				x[i] = float32(math.Sin(float64(i) * 1.7))
			}
			seen := x
			if dims[3].size == int64(shape.C) && dims[1].size != int64(shape.C) {
				seen = make([]float32, len(x)) // as [h][w][c]
				for i := range x {
					p, c := i%(shape.H*shape.W), i/(shape.H*shape.W)%shape.C
					seen[i/shape.Len()*shape.Len()+p*shape.C+c] = x[i]
				}
			}
			want, _ := r.run(t, m, "disabled", seen, fmt.Sprintf("%d,%d,%d", dims[1].size, dims[2].size, dims[3].size))
			got := make([]float32, n*f.Float.Classes())
			model.NewEvaluator(f.Float, newEngine(t), n).Logits(got, x)
			if worst := farthest(got, want); !(worst <= 1e-5) {
				t.Errorf("logits differ by %g: %v, onnxruntime has %v", worst, got, want)
			}
			again, _ := r.run(t, Float(f.Float, Header{}), "all", x, fmt.Sprintf("%d,%d,%d", shape.C, shape.H, shape.W))
			if worst := farthest(again, want); !(worst <= 1e-5) {
				t.Errorf("logits of the export differ by %g: %v, onnxruntime had %v", worst, again, want)
			}
		})
	}
}
