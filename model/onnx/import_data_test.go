package onnx

import (
	"math"
)

// layoutSpellings are of converters from TensorFlow, whose maps are [h][w][c].
func layoutSpellings() []spelling {
	to, from := intsAttribute("perm", 0, 3, 1, 2), intsAttribute("perm", 0, 2, 3, 1)
	nhwc := func() *fixture {
		return other(13, 0, 8, 8, 3).op("Transpose", nil, to).conv("conv", 3, 4).op("Transpose", nil, from)
	}
	conv := "conv = Conv{Out:4 Kernel:3 Stride:1 Padding:{Top:1 Left:1 Bottom:1 Right:1} Groups:1}(input) 4×8×8\n"
	dense := func(f *fixture, in int) *Model {
		f.op("MatMul", []string{f.weight("fc.weight", in, 5)})
		return f.op("Add", []string{f.weight("fc.bias", 5)}).end()
	}
	return []spelling{
		{name: "maps between transposes", file: func() *Model {
			f := nhwc()
			f.op("Add", []string{f.weight("shift", 4)}).op("Relu", nil)
			f.on("Concat", []string{f.last, "v2"}, intAttribute("axis", 3))
			f.op("ReduceMean", nil, intsAttribute("axes", 1, 2), intAttribute("keepdims", 0))
			return dense(f, 8)
		}, plan: conv + `add_3 = BatchNorm{Epsilon:1e-05 Momentum:0.1}(conv) 4×8×8
relu_4 = ReLU(add_3) 4×8×8
concat_5 = Concat(relu_4, conv) 8×8×8
reducemean_6 = GlobalAvgPool(concat_5) 8×1×1
fc = Linear{Out:5}(reducemean_6) 5×1×1`},
		{name: "a vector in the order of pixels", plan: conv + "relu_3 = ReLU(conv) 4×8×8\nfc.flatten = Flatten(relu_3) 256×1×1\nfc = Linear{Out:5}(fc.flatten) 5×1×1", file: func() *Model {
			f := nhwc().op("Relu", nil)
			f.op("Reshape", []string{f.int64s("shape", -1, 256)})
			return dense(f, 256)
		}},
		{name: "a gate between transposes", file: func() *Model {
			f := nhwc()
			f.op("ReduceMean", nil, intsAttribute("axes", 1, 2)).op("Sigmoid", nil)
			f.on("Mul", []string{"v2", f.last}).op("ReduceMean", nil, intsAttribute("axes", 1, 2), intAttribute("keepdims", 0))
			return dense(f, 4)
		}, plan: conv + `reducemean_3 = GlobalAvgPool(conv) 4×1×1
sigmoid_4 = Sigmoid(reducemean_3) 4×1×1
mul_5 = Mul(conv, sigmoid_4) 4×8×8
reducemean_6 = GlobalAvgPool(mul_5) 4×1×1
fc = Linear{Out:5}(reducemean_6) 5×1×1`},
		{name: "a Pad between transposes", file: func() *Model {
			f := nhwc()
			f.op("Pad", []string{f.int64s("pads", 0, 0, 1, 0, 0, 1, 0, 0)}).op("Transpose", nil, to)
			f.op("Conv", []string{f.weight("last.weight", 4, 4, 3, 3)}, intsAttribute("strides", 2, 2))
			return f.head(4)
		}, plan: conv + `last = Conv{Out:4 Kernel:3 Stride:2 Padding:{Top:0 Left:1 Bottom:1 Right:0} Groups:1}(conv) 4×4×4
globalaveragepool_6 = GlobalAvgPool(last) 4×1×1
fc = Linear{Out:5}(globalaveragepool_6) 5×1×1`},
	}
}

// dataSpellings are the places and types that weights have.
func dataSpellings() []spelling {
	plan := "conv = Conv{Out:4 Kernel:3 Stride:1 Padding:{Top:1 Left:1 Bottom:1 Right:1} Groups:1}(input) 4×8×8\np = GlobalAvgPool(conv) 4×1×1\nfc = Linear{Out:5}(p) 5×1×1"
	// of makes a file whose convolution has the weight that do returns.
	of := func(opset int64, do func(f *fixture) (weight string)) func() *Model {
		return func() *Model {
			f := images(opset)
			f.op("Conv", []string{do(f), f.weight("conv.bias", 4)}, intsAttribute("pads", 1, 1, 1, 1))
			last := &f.graph.nodes[len(f.graph.nodes)-1]
			last.inputs[0], last.name = "x", "conv"
			f.op("GlobalAveragePool", nil)
			f.graph.nodes[len(f.graph.nodes)-1].name = "p"
			return f.op("Flatten", nil).gemm(4)
		}
	}
	cast := func(dataType int64) func() *Model {
		return of(13, func(f *fixture) string {
			f.coarse("conv.weight", 4, 3, 3, 3)
			typed(f.constant("conv.weight"), dataType)
			return f.on("Cast", []string{"conv.weight"}, intAttribute("to", typeFloat)).last
		})
	}
	return []spelling{
		{name: "numbers in a list", plan: plan, file: of(13, func(f *fixture) string {
			f.coarse("conv.weight", 4, 3, 3, 3)
			typed(f.constant("conv.weight"), typeFloat)
			return "conv.weight"
		})},
		{name: "doubles in a list", plan: plan, file: cast(typeDouble)},
		{name: "16-bit floats among 32-bit integers", plan: plan, file: cast(typeFloat16)},
		{name: "16-bit floats in raw bytes", plan: plan, file: of(13, func(f *fixture) string {
			f.coarse("conv.weight", 4, 3, 3, 3)
			t := f.constant("conv.weight")
			typed(t, typeFloat16)
			for _, bits := range t.int32s {
				t.raw = append(t.raw, byte(bits), byte(bits>>8))
			}
			t.int32s = nil
			return f.on("Cast", []string{"conv.weight"}, intAttribute("to", typeFloat)).last
		})},
		{name: "initializers among the inputs", plan: plan, file: func() *Model {
			m := of(8, func(f *fixture) string { return f.weight("conv.weight", 4, 3, 3, 3) })()
			m.irVersion = 3
			for _, t := range m.graph.initializers {
				v := valueInfo{name: t.name, kind: typeInfo{tensorType{element: t.dataType}}}
				for _, d := range t.dims {
					v.kind.tensor.shape.dims = append(v.kind.tensor.shape.dims, dimension{size: d})
				}
				m.graph.inputs = append([]valueInfo{v}, m.graph.inputs...)
			}
			return m
		}},
		{name: "a weight in a Constant node", plan: plan, file: of(13, func(f *fixture) string {
			f.weight("conv.weight", 4, 3, 3, 3)
			return f.on("Constant", nil, tensorAttribute("value", f.move("conv.weight"))).last
		})},
		{name: "a weight behind Transpose and Identity", plan: plan, file: of(13, func(f *fixture) string {
			return f.on("Transpose", []string{f.weight("conv.weight", 3, 3, 3, 4)}, intsAttribute("perm", 3, 2, 0, 1)).op("Identity", nil).last
		})},
		{name: "a weight behind Reshape and Mul", plan: plan, file: of(13, func(f *fixture) string {
			f.on("Reshape", []string{f.weight("conv.weight", 108), f.int64s("shape", 4, 3, 3, -1)})
			return f.op("Mul", []string{f.weight("scale", 4, 1, 1, 1)}).last
		})},
		{name: "a weight in codes", plan: plan, file: of(13, func(f *fixture) string {
			codes := make([]byte, 108)
			for i := range codes {
				codes[i] = byte(i * 37)
			}
			f.graph.initializer("conv.weight", typeInt8, []int{4, 3, 3, 3}, codes)
			f.graph.initializer("zero", typeInt8, []int{4}, []byte{0, 1, 2, 255})
			return f.on("DequantizeLinear", []string{"conv.weight", f.graph.floats("scales", []int{4}, 0.01, 0.02, 0.005, 0.01), "zero"}, intAttribute("axis", 0)).last
		})},
	}
}

// A refusal is a file that is not read, and words of why.
type refusal struct {
	name string
	file func() *Model
	want []string
}

func refusals() []refusal {
	// with makes a file with nodes behind a convolution.
	with := func(opset int64, do func(f *fixture)) func() *Model {
		return func() *Model {
			f := images(opset).conv("conv", 3, 4)
			do(f)
			return f.head(4)
		}
	}
	changed := func(change func(m *Model)) func() *Model {
		return func() *Model {
			m := images(13).conv("conv", 3, 4).head(4)
			change(m)
			return m
		}
	}
	of := func(dims ...int64) func() *Model {
		return func() *Model { return other(13, dims...).conv("conv", 3, 4).head(4) }
	}
	conv := func(attributes ...attribute) func() *Model {
		return func() *Model { return images(13).conv("conv", 3, 4, attributes...).head(4) }
	}
	return []refusal{
		{"an operator that is not supported", with(13, func(f *fixture) { f.op("Einsum", nil) }), []string{"Einsum_1", "(Einsum, operator set 13)", "Conv, ", "onnxsim"}},
		{"another program's operator", with(13, func(f *fixture) { f.op("com.microsoft.nchwc::ReorderInput", nil) }), []string{"com.microsoft.nchwc::ReorderInput", "not supported"}},
		{"an old operator set", changed(func(m *Model) { m.opsets[0].version = 6 }), []string{"operator set 6", "7 to"}},
		{"an operator set of the future", changed(func(m *Model) { m.opsets[0].version = 99 }), []string{"operator set 99"}},
		{"no operator set", changed(func(m *Model) { m.opsets = nil }), []string{"operator set 0"}},
		{"a free height", of(0, 3, 0, 8), []string{"n×3×n×8", "fixed size"}},
		{"vectors as input", of(0, 8), []string{"2 dimensions"}},
		{"huge images", of(0, 4096, 4096, 4096), []string{"at most"}},
		{"two inputs", changed(func(m *Model) { m.graph.inputs = append(m.graph.inputs, valueInfo{name: "z"}) }), []string{"2 inputs"}},
		{"no nodes", changed(func(m *Model) { m.graph.nodes = nil }), []string{"no network"}},
		{"nodes out of order", changed(func(m *Model) { n := m.graph.nodes; n[0], n[1] = n[1], n[0] }), []string{"v0", "before it"}},
		{"a circle", changed(func(m *Model) { m.graph.nodes[0].inputs[0] = "v2" }), []string{"before it"}},
		{"a weight that is computed", changed(func(m *Model) { m.graph.nodes[0].inputs[1] = "x" }), []string{"Conv_0", "weight is not a constant"}},
		{"a weight of NaN", changed(func(m *Model) { nan := m.graph.initializers[0].raw; copy(nan, "\xff\xff\xff\xff") }), []string{"NaN", "damaged"}},
		{"a negative variance", with(13, func(f *fixture) {
			f.op("BatchNormalization", []string{f.weight("g", 4), f.weight("b", 4), f.weight("m", 4), f.graph.floats("v", []int{4}, 1, 1, -1, 1)})
		}), []string{"variance", "-1"}},
		{"statistics for each pixel", with(8, func(f *fixture) {
			f.op("BatchNormalization", []string{f.weight("g", 4), f.weight("b", 4), f.weight("m", 4), f.positive("v", 4)}, intAttribute("spatial", 0))
		}), []string{"spatial"}},
		{"wide dilations", conv(intsAttribute("dilations", 4, 4)), []string{"covers 9×9 pixels", "at most 7×7"}},
		{"dilations of 0", conv(intsAttribute("dilations", 0, 1)), []string{"dilations are [0 1]"}},
		{"strides that differ", conv(intsAttribute("strides", 2, 1)), []string{"strides"}},
		{"negative pads", conv(intsAttribute("pads", -1, 0, 0, 0)), []string{"pads"}},
		{"padding as large as the kernel", conv(intsAttribute("pads", 3, 3, 3, 3)), []string{"conv", "padding 3"}},
		{"a long kernel", func() *Model {
			f := images(13)
			return f.op("Conv", []string{f.weight("conv.weight", 4, 3, 1, 8)}).head(4)
		}, []string{"covers 8×8 pixels"}},
		{"a pool that is no square", with(13, func(f *fixture) {
			f.op("MaxPool", nil, intsAttribute("kernel_shape", 2, 1))
		}), []string{"[2 1]", "square"}},
		{"an Expand that a convolution reads", with(13, func(f *fixture) {
			f.op("GlobalAveragePool", nil).op("Expand", []string{f.int64s("shape", 1, 4, 8, 8)}).op("Relu", nil)
		}), []string{"Expand", "factor"}},
		{"groups that do not divide", conv(intAttribute("group", 2)), []string{"2 groups"}},
		{"reflected padding", with(13, func(f *fixture) {
			f.op("Pad", []string{f.int64s("pads", 0, 0, 1, 1, 0, 0, 1, 1)}, textAttribute("mode", "reflect")).op("Relu", nil)
		}), []string{"reflect"}},
		{"padding that an activation reads", with(13, func(f *fixture) {
			f.op("Pad", []string{f.int64s("pads", 0, 0, 1, 1, 0, 0, 1, 1)}).op("Relu", nil)
		}), []string{"Relu_2", "Pad_1"}},
		{"zeros before a max pool of what may be negative", with(13, func(f *fixture) {
			f.op("Pad", []string{f.int64s("pads", 0, 0, 1, 1, 0, 0, 1, 1)}).op("MaxPool", nil, intsAttribute("kernel_shape", 3, 3))
		}), []string{"Pad_1", "maximum"}},
		{"softmax within", with(13, func(f *fixture) { f.op("Softmax", nil).op("Relu", nil) }), []string{"Softmax", "last operator"}},
		{"a sum of shapes that differ", with(13, func(f *fixture) { f.op("GlobalAveragePool", nil).op("Add", []string{"v0"}) }), []string{"batch×4×1×1", "batch×4×8×8"}},
		{"a sum with an image", with(13, func(f *fixture) { f.op("Add", []string{f.weight("position", 4, 8, 8)}) }), []string{"[4 8 8]"}},
		{"a reshape that mixes images", with(13, func(f *fixture) { f.op("Reshape", []string{f.int64s("shape", -1, 2, 8, 8)}) }), []string{"Reshape_1"}},
		{"a reshape to zero", with(14, func(f *fixture) { f.op("Reshape", []string{f.int64s("shape", 0, -1)}, intAttribute("allowzero", 1)) }), []string{"Reshape_1"}},
		{"another batch baked in", with(13, func(f *fixture) { f.op("Reshape", []string{f.int64s("shape", 7, -1)}) }), []string{"begins with 7"}},
		{"arithmetic with the batch", with(13, func(f *fixture) {
			f.op("Shape", nil).op("Gather", []string{f.int64s("first", 0)}).op("Mul", []string{f.int64s("four", 4)})
			f.op("Concat", []string{f.int64s("rest", -1)}, intAttribute("axis", 0)).on("Reshape", []string{"v0", f.last})
		}), []string{"Mul_3", "number of images"}},
		{"a transpose of other axes", with(13, func(f *fixture) { f.op("Transpose", nil, intsAttribute("perm", 0, 2, 1, 3)) }), []string{"Transpose_1", "[0 2 1 3]"}},
		{"half the channels", with(13, func(f *fixture) { f.op("Slice", []string{f.int64s("s", 0), f.int64s("e", 2), f.int64s("a", 1)}) }), []string{"axis 1"}},
		{"transA", func() *Model {
			f := images(13).op("GlobalAveragePool", nil).op("Flatten", nil)
			return f.op("Gemm", []string{f.weight("w", 3, 5)}, intAttribute("transA", 1)).end()
		}, []string{"transA"}},
		{"an output that is a map", func() *Model { return images(13).conv("conv", 3, 4).end() }, []string{"v0", "batch×4×8×8"}},
		{"a tensor of another length", changed(func(m *Model) { w := &m.graph.initializers[0]; w.raw = w.raw[:40] }), []string{"conv.weight", "40 bytes"}},
		{"a tensor of no length", changed(func(m *Model) { m.graph.initializers[0].raw = nil }), []string{"conv.weight", "0 elements"}},
		{"a tensor of a huge shape", changed(func(m *Model) { m.graph.initializers[0].dims = []int64{1 << 40, 1 << 40} }), []string{"conv.weight", "shape"}},
		{"text as a weight", changed(func(m *Model) { m.graph.initializers[0].dataType = 8 }), []string{"conv.weight", "data type 8"}},
		{"channels that double", with(13, func(f *fixture) {
			for range 40 {
				f.on("Concat", []string{f.last, f.last}, intAttribute("axis", 1))
			}
		}), []string{"at most"}},
		{"constants that double", with(13, func(f *fixture) {
			x := f.last
			f.on("Identity", []string{f.weight("w", 64)})
			for range 40 {
				f.on("Concat", []string{f.last, f.last}, intAttribute("axis", 0))
			}
			f.on("Mul", []string{x, f.last})
		}), []string{"far more values"}},
		{"a bound that is no number", with(13, func(f *fixture) { f.op("Clip", []string{f.scalar("low", float32(math.NaN()))}) }), []string{"bound"}},
		{"constants that grow by broadcasting", with(13, func(f *fixture) {
			x := f.last
			f.on("Mul", []string{f.weight("row", 1, 1<<13), f.weight("column", 1<<13, 1)})
			f.on("Mul", []string{x, f.last})
		}), []string{"67108864 elements"}},
		{"constants that grow by gathering", with(13, func(f *fixture) {
			x := f.last
			f.on("Gather", []string{f.weight("row", 1, 1<<13), f.int64s("index", make([]int64, 1<<13)...)})
			f.on("Mul", []string{x, f.last})
		}), []string{"67108864 elements"}},
		{"a weight that many share", with(13, func(f *fixture) {
			f.weight("shared", 4, 4, 7, 7)
			for range 4000 {
				f.op("Conv", []string{"shared"}, intsAttribute("pads", 3, 3, 3, 3))
			}
		}), []string{"far more values"}},
	}
}
