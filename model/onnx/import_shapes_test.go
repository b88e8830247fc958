package onnx

import "math"

func shapeSpellings() []spelling {
	head := func(pool string) string {
		return "conv = Conv{Out:4 Kernel:3 Stride:1 Padding:{Top:1 Left:1 Bottom:1 Right:1} Groups:1}(input) 4×8×8\n" + pool + "\nfc = Linear{Out:5}(p) 5×1×1"
	}
	pooled, flat := head("p = GlobalAvgPool(conv) 4×1×1"), head("p = Flatten(conv) 256×1×1")
	// of makes a file in which do makes vectors of 4×8×8 maps by a node p.
	of := func(f *fixture, in int, do func(f *fixture)) func() *Model {
		return func() *Model {
			f.conv("conv", 3, 4)
			do(f)
			return f.gemm(in)
		}
	}
	name := func(f *fixture) { f.graph.nodes[len(f.graph.nodes)-1].name = "p" }
	pool := func(f *fixture) *fixture {
		f.op("GlobalAveragePool", nil)
		name(f)
		return f
	}
	reshaped := func(dims ...int64) func(f *fixture) {
		return func(f *fixture) {
			f.op("Reshape", []string{f.int64s("shape", dims...)})
			name(f)
		}
	}
	mean := func(opset int64, keep int64, axes ...int64) func() *Model {
		return of(images(opset), 4, func(f *fixture) {
			if opset < 18 {
				f.op("ReduceMean", nil, intsAttribute("axes", axes...), intAttribute("keepdims", keep))
			} else {
				f.op("ReduceMean", []string{f.int64s("axes", axes...)}, intAttribute("keepdims", keep))
			}
			name(f)
			if keep != 0 {
				f.op("Flatten", nil)
			}
		})
	}
	return []spelling{
		{name: "reshape by a shape from Shape, Gather, Unsqueeze and Concat", plan: flat, file: of(images(11), 256, func(f *fixture) {
			x := f.last
			f.on("Shape", []string{x}).on("Constant", nil, tensorAttribute("value", &tensor{dataType: typeInt64, int64s: []int64{0}}))
			f.on("Gather", []string{"v1", "v2"}, intAttribute("axis", 0)).op("Unsqueeze", nil, intsAttribute("axes", 0))
			f.int64s("rest", -1)
			f.on("Concat", []string{f.last, "rest"}, intAttribute("axis", 0)).on("Reshape", []string{x, "v5"})
			name(f)
		})},
		{name: "reshape by a shape from Shape, Slice and Concat", plan: flat, file: of(images(13), 256, func(f *fixture) {
			x := f.last
			f.op("Shape", nil).op("Slice", []string{f.int64s("start", 0), f.int64s("end", 1)})
			f.op("Concat", []string{f.int64s("rest", 256)}, intAttribute("axis", 0)).on("Reshape", []string{x, f.last})
			name(f)
		})},
		{name: "a gathered index of one dimension", plan: flat, file: of(images(13), 256, func(f *fixture) {
			x := f.last
			f.op("Shape", nil).op("Gather", []string{f.int64s("index", 0)})
			f.op("Concat", []string{f.int64s("rest", -1)}, intAttribute("axis", 0)).on("Reshape", []string{x, f.last})
			name(f)
		})},
		{name: "a batch baked in", plan: flat, file: of(other(13, 2, 3, 8, 8), 256, reshaped(2, 256))},
		{name: "a batch of 1 baked in where it is free", plan: flat, note: "baked into a reshape", noCheck: true, file: of(images(13), 256, reshaped(1, -1))},
		{name: "reshape to 0 and −1", plan: flat, file: of(images(13), 256, reshaped(0, -1))},
		{name: "reshape to −1 and a number", plan: flat, file: of(images(13), 256, reshaped(-1, 256))},
		{name: "reshape with zeros that copy", plan: pooled, file: of(images(13), 4, func(f *fixture) {
			pool(f).op("Reshape", []string{f.int64s("shape", 0, 0, 1, 1)}).op("Reshape", []string{f.int64s("flat", -1, 4)})
		})},
		{name: "reshape with allowzero", plan: flat, file: of(images(14), 256, func(f *fixture) {
			f.op("Reshape", []string{f.int64s("shape", -1, 256)}, intAttribute("allowzero", 1))
			name(f)
		})},
		{name: "flatten from axis −3", plan: flat, file: of(images(13), 256, func(f *fixture) {
			f.op("Flatten", nil, intAttribute("axis", -3))
			name(f)
		})},
		{name: "squeeze with an attribute", plan: pooled, file: of(images(11), 4, func(f *fixture) {
			pool(f).op("Squeeze", nil, intsAttribute("axes", 2, 3))
		})},
		{name: "squeeze with an input, back and forth", plan: pooled, file: of(images(13), 4, func(f *fixture) {
			pool(f).op("Squeeze", []string{f.int64s("a", -1)}).op("Squeeze", []string{f.int64s("b", 2)})
			f.op("Unsqueeze", []string{f.int64s("c", 2, 3)}).op("Flatten", nil)
		})},
		{name: "ReduceMean with axes as an attribute", plan: pooled, file: mean(13, 1, 2, 3)},
		{name: "ReduceMean with axes as an input, dropped", plan: pooled, file: mean(18, 0, -1, -2)},
		{name: "set 13 with the axes of set 18", plan: pooled, noCheck: true, file: func() *Model {
			m := mean(18, 1, 2, 3)()
			m.opsets[0].version = 13
			return m
		}},
		{name: "means one after the other", plan: pooled, file: of(images(13), 4, func(f *fixture) {
			f.op("ReduceMean", nil, intsAttribute("axes", 3), intAttribute("keepdims", 0))
			f.op("ReduceMean", nil, intsAttribute("axes", 2), intAttribute("keepdims", 0))
			name(f)
		})},
		{name: "a mean of flat pixels", plan: pooled, file: of(images(13), 4, func(f *fixture) {
			f.op("Reshape", []string{f.int64s("shape", 0, 4, -1)}).op("ReduceMean", nil, intsAttribute("axes", -1), intAttribute("keepdims", 0))
			name(f)
		})},
		{name: "an average pool of the whole map", plan: pooled, file: of(images(13), 4, func(f *fixture) {
			f.op("AveragePool", nil, intsAttribute("kernel_shape", 8, 8))
			name(f)
			f.op("Flatten", nil)
		})},
	}
}

func windowSpellings() []spelling {
	tail := "\np = GlobalAvgPool(last) 4×1×1\nfc = Linear{Out:5}(p) 5×1×1"
	of := func(f *fixture, do func(f *fixture)) func() *Model {
		return func() *Model {
			do(f)
			f.graph.nodes[len(f.graph.nodes)-1].name = "last"
			f.op("GlobalAveragePool", nil)
			f.graph.nodes[len(f.graph.nodes)-1].name = "p"
			return f.op("Flatten", nil).gemm(4)
		}
	}
	conv := "conv = Conv{Out:4 Kernel:3 Stride:1 Padding:{Top:1 Left:1 Bottom:1 Right:1} Groups:1}(input) 4×8×8\n"
	same := func(auto string, stride int64) func() *Model {
		return of(images(13), func(f *fixture) {
			f.op("Conv", []string{f.weight("last.weight", 4, 3, 3, 3)}, textAttribute("auto_pad", auto), intsAttribute("strides", stride, stride))
		})
	}
	pool := func(opset int64, op string, attributes ...attribute) func() *Model {
		return of(images(opset), func(f *fixture) {
			f.conv("conv", 3, 4)
			f.op(op, nil, append(attributes, intsAttribute("kernel_shape", 3, 3))...)
		})
	}
	two, ones := intsAttribute("strides", 2, 2), intsAttribute("pads", 1, 1, 1, 1)
	padded := "last = Conv{Out:4 Kernel:3 Stride:2 Padding:{Top:0 Left:1 Bottom:1 Right:2} Groups:1}(input) 4×4×5" + tail
	valid := func(f *fixture) {
		f.op("Conv", []string{f.weight("last.weight", 4, 3, 3, 3)}, intsAttribute("strides", 2, 2), textAttribute("auto_pad", "VALID"))
	}
	shortcut := "last = PadShortcut{Stride:2 Before:1 After:1}(two) 4×4×4"
	two1 := "two = Conv{Out:2 Kernel:3 Stride:1 Padding:{Top:1 Left:1 Bottom:1 Right:1} Groups:1}(input) 2×8×8\n"
	pads := func(f *fixture) { f.op("Pad", []string{f.int64s("pads", 0, 1, 0, 0, 0, 1, 0, 0)}) }
	return []spelling{
		{name: "SAME_UPPER with stride 2", plan: "last = Conv{Out:4 Kernel:3 Stride:2 Padding:{Top:0 Left:0 Bottom:1 Right:1} Groups:1}(input) 4×4×4" + tail, file: same("SAME_UPPER", 2)},
		{name: "SAME_LOWER with stride 2", plan: "last = Conv{Out:4 Kernel:3 Stride:2 Padding:{Top:1 Left:1 Bottom:0 Right:0} Groups:1}(input) 4×4×4" + tail, file: same("SAME_LOWER", 2)},
		{name: "SAME_UPPER with stride 1", plan: "last = Conv{Out:4 Kernel:3 Stride:1 Padding:{Top:1 Left:1 Bottom:1 Right:1} Groups:1}(input) 4×8×8" + tail, file: same("SAME_UPPER", 1)},
		{name: "VALID", plan: "last = Conv{Out:4 Kernel:3 Stride:2 Padding:{Top:0 Left:0 Bottom:0 Right:0} Groups:1}(input) 4×3×3" + tail, file: same("VALID", 2)},
		{name: "max pool, SAME_UPPER", plan: conv + "last = MaxPool{Kernel:3 Stride:2 Padding:{Top:0 Left:0 Bottom:1 Right:1} Ceil:false}(conv) 4×4×4" + tail, file: pool(12, "MaxPool", two, textAttribute("auto_pad", "SAME_UPPER"))},
		{name: "max pool with ceil_mode", plan: conv + "last = MaxPool{Kernel:3 Stride:2 Padding:{Top:0 Left:0 Bottom:0 Right:0} Ceil:true}(conv) 4×4×4" + tail, file: pool(12, "MaxPool", two, intAttribute("ceil_mode", 1))},
		{name: "max pool with ceil_mode as padding", plan: conv + "last = MaxPool{Kernel:3 Stride:2 Padding:{Top:1 Left:1 Bottom:1 Right:1} Ceil:true}(conv) 4×5×5" + tail, file: pool(9, "MaxPool", two, intsAttribute("pads", 1, 1, 2, 2))},
		{name: "average pool that counts padding", plan: conv + "last = AvgPool{Kernel:3 Stride:2 Padding:{Top:1 Left:1 Bottom:1 Right:1} Ceil:false CountPadding:true}(conv) 4×4×4" + tail, file: pool(12, "AveragePool", two, ones, intAttribute("count_include_pad", 1))},
		{name: "average pool that does not", plan: conv + "last = AvgPool{Kernel:3 Stride:2 Padding:{Top:1 Left:1 Bottom:1 Right:1} Ceil:false CountPadding:false}(conv) 4×4×4" + tail, file: pool(12, "AveragePool", two, ones)},
		{name: "average pool with ceil_mode", plan: conv + "last = AvgPool{Kernel:3 Stride:2 Padding:{Top:0 Left:0 Bottom:0 Right:0} Ceil:true CountPadding:false}(conv) 4×4×4" + tail, file: pool(19, "AveragePool", two, intAttribute("ceil_mode", 1))},
		{name: "global max pool", plan: conv + "last = MaxPool{Kernel:8 Stride:8 Padding:{Top:0 Left:0 Bottom:0 Right:0} Ceil:false}(conv) 4×1×1" + tail, file: of(images(13), func(f *fixture) {
			f.conv("conv", 3, 4).op("GlobalMaxPool", nil)
		})},
		{name: "Pad with attributes before a convolution", plan: padded, file: of(images(10), func(f *fixture) {
			f.op("Pad", nil, textAttribute("mode", "constant"), intsAttribute("pads", 0, 0, 0, 1, 0, 0, 1, 2), floatAttribute("value", 0))
			valid(f)
		})},
		{name: "Pad with inputs before a convolution", plan: padded, file: of(images(13), func(f *fixture) {
			f.op("Pad", []string{f.int64s("pads", 0, 0, 0, 1, 0, 0, 1, 2), f.scalar("zero", 0)})
			valid(f)
		})},
		{name: "Pad with axes before a convolution", plan: padded, file: of(images(18), func(f *fixture) {
			f.op("Pad", []string{f.int64s("pads", 1, 0, 2, 1), "", f.int64s("axes", 3, -2)})
			valid(f)
		})},
		{name: "Pad with pads that are computed", plan: padded, file: of(images(13), func(f *fixture) {
			// As PyTorch writes them: the last axis first, turned around.
			f.graph.int64s("shape", 4)
			f.on("ConstantOfShape", []string{"shape"}, tensorAttribute("value", &tensor{dims: []int64{1}, dataType: typeInt64, int64s: []int64{0}}))
			f.on("Concat", []string{f.int64s("given", 1, 2, 0, 1), f.last}, intAttribute("axis", 0))
			f.op("Reshape", []string{f.int64s("pairs", -1, 2)})
			f.op("Slice", []string{f.int64s("start", -1), f.int64s("end", math.MinInt64+1), f.int64s("first", 0), f.int64s("step", -1)})
			f.op("Transpose", nil, intsAttribute("perm", 1, 0)).op("Reshape", []string{f.int64s("flat", -1)})
			f.op("Cast", nil, intAttribute("to", typeInt64)).on("Pad", []string{"x", f.last, f.scalar("zero", 0)})
			valid(f)
		})},
		{name: "Pad before a max pool of what is not negative", plan: conv + "relu_1 = ReLU(conv) 4×8×8\nlast = MaxPool{Kernel:3 Stride:2 Padding:{Top:0 Left:0 Bottom:1 Right:1} Ceil:false}(relu_1) 4×4×4" + tail, file: of(images(13), func(f *fixture) {
			f.conv("conv", 3, 4).op("Relu", nil).op("Pad", []string{f.int64s("pads", 0, 0, 0, 0, 0, 0, 1, 1)})
			f.op("MaxPool", nil, intsAttribute("kernel_shape", 3, 3), two)
		})},
		{name: "Pad with the lowest number before a max pool", plan: conv + "last = MaxPool{Kernel:3 Stride:2 Padding:{Top:1 Left:1 Bottom:1 Right:1} Ceil:false}(conv) 4×4×4" + tail, file: of(images(13), func(f *fixture) {
			f.conv("conv", 3, 4).op("Pad", []string{f.int64s("pads", 0, 0, 1, 1, 0, 0, 1, 1), f.scalar("low", -math.MaxFloat32)})
			f.op("MaxPool", nil, intsAttribute("kernel_shape", 3, 3), two)
		})},
		{name: "Pad before an average pool", plan: conv + "last = AvgPool{Kernel:3 Stride:2 Padding:{Top:1 Left:1 Bottom:1 Right:1} Ceil:false CountPadding:true}(conv) 4×4×4" + tail, file: of(images(13), func(f *fixture) {
			f.conv("conv", 3, 4).op("Pad", []string{f.int64s("pads", 0, 0, 1, 1, 0, 0, 1, 1)})
			f.op("AveragePool", nil, intsAttribute("kernel_shape", 3, 3), two)
		})},
		{name: "a shortcut of a Slice and a Pad", plan: two1 + shortcut + tail, file: of(images(13), func(f *fixture) {
			f.conv("two", 3, 2).op("Slice", []string{f.int64s("s", 0, 0), f.int64s("e", math.MaxInt64, math.MaxInt64), f.int64s("a", 2, 3), f.int64s("step", 2, 2)})
			pads(f)
		})},
		{name: "a shortcut of two Slices and a Pad", plan: two1 + shortcut + tail, file: of(images(13), func(f *fixture) {
			f.conv("two", 3, 2)
			f.op("Slice", []string{f.int64s("s", 0), f.int64s("e", math.MaxInt64), f.int64s("a", 2), f.int64s("step", 2)})
			f.op("Slice", []string{"s", "e", f.int64s("a2", 3), "step"})
			pads(f)
		})},
		{name: "a Slice of everything", plan: conv + "last = ReLU(conv) 4×8×8" + tail, file: of(images(9), func(f *fixture) {
			f.conv("conv", 3, 4).op("Slice", nil, intsAttribute("axes", 0), intsAttribute("starts", 0), intsAttribute("ends", math.MaxInt64)).op("Relu", nil)
		})},
	}
}
