package model

// An Op is what a node computes. The operators are a closed set: the structs in
// this file. Code that treats them differently switches on the type.
//
// Values are maps [c][h][w] of one image; a vector of n values is [n][1][1].
// The formulas are those of the PyTorch module of the same name.
type Op interface{ operator() }

// Padding is how many zeros surround a map on each side.
type Padding struct{ Top, Left, Bottom, Right int }

// Pad2D returns the same padding on all sides.
func Pad2D(n int) Padding { return Padding{n, n, n, n} }

type (
	// Input is the network's input. It is the first node, and the only one
	// without inputs.
	Input struct{}

	// Conv is a convolution with square kernels. Its weight is
	// [Out][In/Groups][Kernel][Kernel]; a bias [Out] is optional. Groups equal to
	// the input's channels makes it depthwise.
	Conv struct {
		Out, Kernel, Stride int
		Padding             Padding
		Groups              int
	}

	// Linear is a fully connected layer on a vector, weight [Out][In], with an
	// optional bias [Out].
	Linear struct{ Out int }

	// BatchNorm normalises each channel: with the batch's mean and variance while
	// training, with the running ones in inference. Momentum is the share of a new
	// batch in the running statistics.
	BatchNorm struct{ Epsilon, Momentum float64 }

	// ReLU is max(x, 0).
	ReLU struct{}
	// Clip is min(max(x, Min), Max). ReLU6 is Clip{0, 6}.
	Clip struct{ Min, Max float32 }
	// LeakyReLU is x where x > 0, and Slope·x elsewhere.
	LeakyReLU struct{ Slope float32 }
	// Sigmoid is 1/(1 + e^−x).
	Sigmoid struct{}
	// SiLU is x·sigmoid(x).
	SiLU struct{}
	// HardSigmoid is min(max(x + 3, 0), 6)/6.
	HardSigmoid struct{}
	// HardSwish is x·hardsigmoid(x).
	HardSwish struct{}

	// Quantize rounds to one of 2^Bits values:
	//
	//	y = scale·(code − Zero), code = min(max(round(x/scale) + Zero, 0), 2^Bits − 1)
	//
	// as torch.fake_quantize_per_tensor_affine does. The scale is the node's weight
	// [1]; it is trained where Learned is set. The gradient passes where the code is
	// not limited. In a network of integers the node holds the codes of fewer bits
	// that a layer reads, and scale and zero point are its output's.
	Quantize struct {
		Bits    int
		Zero    uint8
		Learned bool
	}

	// Add is the sum of two or more values of one shape.
	Add struct{}
	// Mul scales the first input [c][h][w] by the second, a gate [c][1][1] for
	// each channel, as squeeze-and-excite does, or a value of the same shape.
	Mul struct{}
	// Concat joins values of one height and width along the channels.
	Concat struct{}

	// MaxPool is the maximum over windows. Padding never wins.
	MaxPool struct {
		Kernel, Stride int
		Padding        Padding
		Ceil           bool // round the output's size up, as ceil_mode does
	}
	// AvgPool is the mean over windows; CountPadding counts zeros of the padding
	// as values (PyTorch's count_include_pad).
	AvgPool struct {
		Kernel, Stride int
		Padding        Padding
		Ceil           bool
		CountPadding   bool
	}
	// GlobalAvgPool is the mean of each channel, a vector.
	GlobalAvgPool struct{}

	// Flatten turns a map into a vector, channel by channel, row by row.
	Flatten struct{}
	// PadShortcut is the parameter-free shortcut of He et al. 2015 (option A):
	// every Stride-th pixel, with Before zero channels in front and After behind.
	PadShortcut struct{ Stride, Before, After int }
	// Dropout zeroes each value with probability P while training, and divides
	// what is left by 1−P. In inference it passes its input on.
	Dropout struct{ P float64 }
)

func (Input) operator()         {}
func (Conv) operator()          {}
func (Linear) operator()        {}
func (BatchNorm) operator()     {}
func (ReLU) operator()          {}
func (Clip) operator()          {}
func (LeakyReLU) operator()     {}
func (Sigmoid) operator()       {}
func (SiLU) operator()          {}
func (HardSigmoid) operator()   {}
func (HardSwish) operator()     {}
func (Quantize) operator()      {}
func (Add) operator()           {}
func (Mul) operator()           {}
func (Concat) operator()        {}
func (MaxPool) operator()       {}
func (AvgPool) operator()       {}
func (GlobalAvgPool) operator() {}
func (Flatten) operator()       {}
func (PadShortcut) operator()   {}
func (Dropout) operator()       {}

// IsLayer reports whether an operator is a convolution or a linear layer.
func IsLayer(op Op) bool {
	switch op.(type) {
	case Conv, Linear:
		return true
	}
	return false
}

// IsActivation reports whether an operator is an elementwise function of one
// value.
func IsActivation(op Op) bool {
	switch op.(type) {
	case ReLU, Clip, LeakyReLU, Sigmoid, SiLU, HardSigmoid, HardSwish, Quantize:
		return true
	}
	return false
}

// OpName returns an operator's name, such as "conv".
func OpName(op Op) string {
	switch op.(type) {
	case Input:
		return "input"
	case Conv:
		return "conv"
	case Linear:
		return "linear"
	case BatchNorm:
		return "batch norm"
	case ReLU:
		return "relu"
	case Clip:
		return "clip"
	case LeakyReLU:
		return "leaky relu"
	case Sigmoid:
		return "sigmoid"
	case SiLU:
		return "silu"
	case HardSigmoid:
		return "hard sigmoid"
	case HardSwish:
		return "hard swish"
	case Quantize:
		return "quantize"
	case Add:
		return "add"
	case Mul:
		return "mul"
	case Concat:
		return "concat"
	case MaxPool:
		return "max pool"
	case AvgPool:
		return "average pool"
	case GlobalAvgPool:
		return "global average pool"
	case Flatten:
		return "flatten"
	case PadShortcut:
		return "padding shortcut"
	case Dropout:
		return "dropout"
	}
	panic("model: unknown operator")
}
