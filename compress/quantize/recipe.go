package quantize

import (
	"fmt"
	"slices"
	"strings"
)

// A Recipe says how ranges become scales and values become codes.
type Recipe struct {
	Name string
	// Observer is what activations are observed with unless told otherwise.
	Observer string
	// ReducedRange scales activations to 0…127, so that the sum of two
	// products fits 16 bits on processors without VNNI. Codes may still reach
	// 255.
	ReducedRange bool
	// PerTensor gives all output channels of a layer one weight scale.
	PerTensor bool
	// WeightSteps is a channel's largest magnitude in units of its scale:
	// 127.5, or 127.
	WeightSteps float32
	// SmallestWeight is the smallest code of a weight.
	SmallestWeight int8
	// Divide quantizes weights as w/scale, as ONNX does, rather than as
	// w·(1/scale), as PyTorch does. A weight near the middle of two codes can
	// differ.
	Divide bool
	// OwnPool gives average pools scales of their own; otherwise they keep their
	// input's. WindowsKeep keeps it for all but global ones.
	OwnPool     bool
	WindowsKeep bool
	// Shared gives what is concatenated, and the result, one observer and so one
	// scale; otherwise each has its own, and a concatenation rescales.
	Shared bool
	// OwnFlatten gives flattened maps a scale of their own; otherwise they keep
	// their input's.
	OwnFlatten bool
	// ClipApart makes clipping (ReLU6) a step of its own that keeps the scale of
	// what it clips; otherwise it belongs to what is computed before.
	ClipApart bool
	// FixedSigmoid gives sigmoids the scale 1/256 and the zero point 0.
	FixedSigmoid bool
	// IntegerBias rounds biases to multiples of input scale · weight scale, as
	// runtimes hold them in int32; otherwise they are float32.
	IntegerBias bool
	// FloatLogits leaves the logits in float32; otherwise they are quantized
	// like other activations.
	FloatLogits bool
	// EmptyScale is the smallest scale. Channels whose weights are all zero,
	// and activations that are always zero, get it; with UnitEmpty they get 1.
	EmptyScale float32
	UnitEmpty  bool
	// Widths holds the layers whose weights or inputs have codes of fewer than 8
	// bits, by name.
	Widths map[string]Width `json:",omitempty"`
}

// epsilon is float32's machine epsilon, PyTorch's smallest scale.
const epsilon = 1.1920929e-07

// lab is the default: PyTorch's arithmetic over the full range, the pool with
// its own scale, logits in float32, and biases that every integer runtime holds
// exactly.
var lab = Recipe{
	Name: "lab", Observer: MinMax, WeightSteps: 127.5, SmallestWeight: -128, EmptyScale: epsilon,
	OwnPool: true, IntegerBias: true, FloatLogits: true,
}

// recipes returns all recipes, the default first. Those after it are the
// default configurations of PyTorch's quantization backends
// (torch.ao.quantization.get_default_qconfig) and of onnxruntime's
// quantize_static with QDQ, int8 weights per channel and uint8 activations.
func recipes() []Recipe {
	torch := Recipe{Observer: Histogram, WeightSteps: 127.5, SmallestWeight: -128, EmptyScale: epsilon,
		Shared: true, OwnFlatten: true, ClipApart: true, FixedSigmoid: true}
	fbgemm, x86, onednn, qnnpack := torch, torch, torch, torch
	fbgemm.Name, fbgemm.ReducedRange = "fbgemm", true
	x86.Name, x86.ReducedRange = "x86", true
	onednn.Name = "onednn"
	qnnpack.Name, qnnpack.PerTensor = "qnnpack", true
	ort := Recipe{Name: "ort", Observer: MinMax, WeightSteps: 127, SmallestWeight: -127, Divide: true,
		OwnPool: true, WindowsKeep: true, IntegerBias: true, EmptyScale: 1.1754944e-38, UnitEmpty: true}
	return []Recipe{lab, fbgemm, x86, onednn, qnnpack, ort}
}

// Recipes returns the recipes' names, the default first.
func Recipes() []string {
	var names []string
	for _, r := range recipes() {
		names = append(names, r.Name)
	}
	return names
}

// RecipeNamed returns a recipe. Empty means the default.
func RecipeNamed(name string) (Recipe, error) {
	all := recipes()
	if name == "" {
		return all[0], nil
	}
	i := slices.IndexFunc(all, func(r Recipe) bool { return r.Name == name })
	if i < 0 {
		return Recipe{}, fmt.Errorf("quantization recipe %q is unknown; choose one of %s", name, strings.Join(Recipes(), ", "))
	}
	return all[i], nil
}
