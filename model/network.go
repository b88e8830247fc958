// Package model holds convolutional networks for 32×32 images: their
// parameters, the training step, and evaluation.
//
// A Network is plain data: layers with weights in PyTorch's layouts and under
// PyTorch's names. A Trainer or an Evaluator plans the buffers for one network
// and batch size once and then runs it; what they compute with comes from
// package kernel. Pruning and quantization act on a Network from outside.
package model

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"espalier/model/kernel"
)

// Shortcut says how a residual block whose map changes shape passes its input
// on.
type Shortcut string

const (
	// Projection is a 1×1 convolution with batch norm (option B of He et al.).
	Projection Shortcut = "projection"
	// Pad takes every second pixel and fills the new channels with zeros, half
	// before and half after (option A).
	Pad Shortcut = "pad"
)

// Arch names a CIFAR ResNet (He et al. 2015, section 4.2): three stages of
// (Depth−2)/6 blocks with Width, 2·Width and 4·Width channels.
type Arch struct {
	Depth    int // 20, 32, 44, 56
	Shortcut Shortcut
	Classes  int
	// Width is a multiple of 16 up to MaxWidth; 0 stands for the published
	// networks' 16, and in a Network it is what stands for it.
	Width int
}

// The narrowest and the widest first stage. Kernels work on blocks of 16
// channels; the other limit is that of what is tested.
const (
	MinWidth = kernel.Lanes
	MaxWidth = 256
)

// String returns a name such as "resnet20 projection", or "resnet20 projection
// width 32" of a network that is wider than the published ones.
func (a Arch) String() string {
	s := fmt.Sprintf("resnet%d %s", a.Depth, a.Shortcut)
	if a.Width != 0 && a.Width != MinWidth {
		s += fmt.Sprintf(" width %d", a.Width)
	}
	return s
}

// Weights returns the number of convolution and linear weights, as
// Network.Weights, of a network that need not be made.
func (a Arch) Weights() int {
	w := cmp.Or(a.Width, MinWidth)
	blocks := (a.Depth - 2) / 6
	total := 9*3*w + 4*w*a.Classes
	for stage, in := range []int{w, w, 2 * w} {
		out := w << stage
		total += 9 * (in*out + (2*blocks-1)*out*out)
		if stage > 0 && a.Shortcut == Projection {
			total += in * out
		}
	}
	return total
}

// check reports what makes an architecture impossible.
func (a Arch) check() error {
	if a.Depth < 8 || (a.Depth-2)%6 != 0 {
		return fmt.Errorf("depth %d: want 6n+2, as 20, 32, 44 or 56", a.Depth)
	}
	if a.Shortcut != Projection && a.Shortcut != Pad {
		return fmt.Errorf("shortcut %q: want %q or %q", a.Shortcut, Projection, Pad)
	}
	if a.Classes < 2 {
		return fmt.Errorf("%d classes: want at least 2", a.Classes)
	}
	if width := cmp.Or(a.Width, MinWidth); width < MinWidth || width > MaxWidth || width%kernel.Lanes != 0 {
		return fmt.Errorf("width %d: want a multiple of %d up to %d", a.Width, kernel.Lanes, MaxWidth)
	}
	return nil
}

// A Network is a ResNet's parameters. Layers are shared: Layers returns the
// same pointers that Stem, Blocks and Classifier hold.
type Network struct {
	Arch       Arch
	Stem       *Layer
	Blocks     []*Block
	Classifier *Layer
	// Mean and Std are what inputs were normalised with, per colour channel on
	// the 0 to 1 scale; zero Std means unknown.
	Mean, Std [3]float32
}

// A Block computes relu(conv2(relu(conv1(x))) + shortcut(x)), every convolution
// followed by its batch norm.
type Block struct {
	Conv1, Conv2 *Layer
	Downsample   *Layer // the shortcut's 1×1 convolution, or nil: identity or padding
}

// Kind tells convolutions from linear layers.
type Kind int

const (
	ConvolutionKind Kind = iota
	LinearKind
)

// A Layer is a convolution without bias, with padding Kernel/2, or a linear
// layer with bias. A fused convolution has a Bias and no Norm.
type Layer struct {
	Name            string // PyTorch's, as layer2.0.conv1
	Kind            Kind
	In, Out, Kernel int
	Stride          int
	Size            int       // height and width of the output map; 1 for a linear layer
	Weight          []float32 // [Out][In][Kernel][Kernel] or [Out][In]
	Bias            []float32 // [Out] or nil
	Norm            *ChannelNorm
	// Mask holds 1 for weights that may be non-zero and 0 for pruned ones, laid
	// out as Weight; nil keeps all. A Trainer holds weights to their mask.
	Mask []float32
}

// ChannelNorm normalises each channel of a convolution's output.
type ChannelNorm struct {
	Name        string    // PyTorch's, as layer2.0.bn1
	Gamma, Beta []float32 // [Out]
	Mean, Var   []float32 // [Out], running statistics; Var is the unbiased variance
}

// NormEpsilon is added to variances, and NormMomentum is the weight of a new
// batch in the running statistics: PyTorch's defaults.
const (
	NormEpsilon  = 1e-5
	NormMomentum = 0.1
)

// MACs returns the multiply-adds for one image.
func (l *Layer) MACs() int64 { return int64(len(l.Weight)) * int64(l.Size) * int64(l.Size) }

// Shape returns the weight's shape.
func (l *Layer) Shape() []int {
	if l.Kind == LinearKind {
		return []int{l.Out, l.In}
	}
	return []int{l.Out, l.In, l.Kernel, l.Kernel}
}

// Fan returns the number of weights that one output sums over.
func (l *Layer) Fan() int { return l.In * l.Kernel * l.Kernel }

// New returns a network with zero weights, unit gammas and unit variances.
func New(a Arch) (*Network, error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	width := cmp.Or(a.Width, MinWidth)
	if width == MinWidth {
		a.Width = 0 // one value for one architecture
	}
	n := &Network{Arch: a, Stem: convolution("conv1", "bn1", 3, width, 3, 1, 32)}
	channels, size := width, 32
	for stage := range 3 {
		out := width << stage
		for b := range (a.Depth - 2) / 6 {
			stride := 1
			if b == 0 && stage > 0 {
				stride, size = 2, size/2
			}
			prefix := fmt.Sprintf("layer%d.%d.", stage+1, b)
			block := &Block{
				Conv1: convolution(prefix+"conv1", prefix+"bn1", channels, out, 3, stride, size),
				Conv2: convolution(prefix+"conv2", prefix+"bn2", out, out, 3, 1, size),
			}
			if stride == 2 && a.Shortcut == Projection {
				block.Downsample = convolution(prefix+"downsample.0", prefix+"downsample.1", channels, out, 1, stride, size)
			}
			n.Blocks = append(n.Blocks, block)
			channels = out
		}
	}
	n.Classifier = &Layer{
		Name: "fc", Kind: LinearKind, In: channels, Out: a.Classes, Kernel: 1, Stride: 1, Size: 1,
		Weight: make([]float32, a.Classes*channels), Bias: make([]float32, a.Classes),
	}
	return n, nil
}

func convolution(name, norm string, in, out, kernel, stride, size int) *Layer {
	ones := func() []float32 { return slices.Repeat([]float32{1}, out) }
	return &Layer{
		Name: name, Kind: ConvolutionKind, In: in, Out: out, Kernel: kernel, Stride: stride, Size: size,
		Weight: make([]float32, out*in*kernel*kernel),
		Norm: &ChannelNorm{
			Name: norm, Gamma: ones(), Beta: make([]float32, out),
			Mean: make([]float32, out), Var: ones(),
		},
	}
}

// Layers returns all convolutions and the classifier in forward order; a
// block's shortcut convolution comes after its two others.
func (n *Network) Layers() []*Layer {
	layers := []*Layer{n.Stem}
	for _, b := range n.Blocks {
		layers = append(layers, b.Conv1, b.Conv2)
		if b.Downsample != nil {
			layers = append(layers, b.Downsample)
		}
	}
	return append(layers, n.Classifier)
}

// Layer returns the layer of that name, or nil.
func (n *Network) Layer(name string) *Layer {
	for _, l := range n.Layers() {
		if l.Name == name {
			return l
		}
	}
	return nil
}

// Weights returns the number of convolution and linear weights, biases and
// batch norm apart: 270,896 for ResNet-20 with projection shortcuts.
func (n *Network) Weights() int {
	total := 0
	for _, l := range n.Layers() {
		total += len(l.Weight)
	}
	return total
}

// MACs returns the multiply-adds of one image's forward pass.
func (n *Network) MACs() int64 {
	var total int64
	for _, l := range n.Layers() {
		total += l.MACs()
	}
	return total
}

// Sparsity returns the number of weights that are zero, and of all weights.
func (n *Network) Sparsity() (zero, total int) {
	for _, l := range n.Layers() {
		for _, w := range l.Weight {
			if w == 0 {
				zero++
			}
		}
		total += len(l.Weight)
	}
	return zero, total
}

// Fused reports whether batch norm has been folded into the convolutions.
func (n *Network) Fused() bool { return n.Stem.Norm == nil }

// A Tensor names a part of a network. Data is shared with the network.
type Tensor struct {
	Name  string
	Shape []int
	Data  []float32
}

// Tensors returns the network's state in PyTorch's order and under PyTorch's
// names: weights, biases, batch norm's parameters and running statistics.
func (n *Network) Tensors() []Tensor {
	var all []Tensor
	for _, l := range n.Layers() {
		all = append(all, Tensor{l.Name + ".weight", l.Shape(), l.Weight})
		if l.Bias != nil {
			all = append(all, Tensor{l.Name + ".bias", []int{l.Out}, l.Bias})
		}
		if b := l.Norm; b != nil {
			for _, t := range []struct {
				name string
				data []float32
			}{{"weight", b.Gamma}, {"bias", b.Beta}, {"running_mean", b.Mean}, {"running_var", b.Var}} {
				all = append(all, Tensor{b.Name + "." + t.name, []int{l.Out}, t.data})
			}
		}
	}
	return all
}

// Parameters returns the tensors that training changes by gradients, in the
// order of Tensors.
func (n *Network) Parameters() []Tensor {
	return slices.DeleteFunc(n.Tensors(), func(t Tensor) bool {
		return !n.isParameter(t.Name)
	})
}

func (n *Network) isParameter(name string) bool {
	for _, suffix := range []string{".running_mean", ".running_var"} {
		if len(name) > len(suffix) && name[len(name)-len(suffix):] == suffix {
			return false
		}
	}
	return true
}

// Clone returns a deep copy.
func (n *Network) Clone() *Network {
	c := &Network{Arch: n.Arch, Mean: n.Mean, Std: n.Std, Stem: n.Stem.clone(), Classifier: n.Classifier.clone()}
	for _, b := range n.Blocks {
		c.Blocks = append(c.Blocks, &Block{b.Conv1.clone(), b.Conv2.clone(), b.Downsample.clone()})
	}
	return c
}

func (l *Layer) clone() *Layer {
	if l == nil {
		return nil
	}
	c := *l
	c.Weight, c.Bias, c.Mask = slices.Clone(l.Weight), slices.Clone(l.Bias), slices.Clone(l.Mask)
	if b := l.Norm; b != nil {
		c.Norm = &ChannelNorm{b.Name, slices.Clone(b.Gamma), slices.Clone(b.Beta), slices.Clone(b.Mean), slices.Clone(b.Var)}
	}
	return &c
}

// Fuse returns a copy of the network with every batch norm folded into its
// convolution: w·γ/√(var+ε) and β − mean·γ/√(var+ε), as PyTorch's
// fuse_conv_bn_weights.
func (n *Network) Fuse() *Network {
	f := n.Clone()
	for _, l := range f.Layers() {
		b := l.Norm
		if b == nil {
			continue
		}
		l.Bias, l.Norm = make([]float32, l.Out), nil
		fan := l.Fan()
		for o := range l.Out {
			rstd := float32(1 / math.Sqrt(float64(b.Var[o])+NormEpsilon))
			scale := b.Gamma[o] * rstd
			for i := o * fan; i < (o+1)*fan; i++ {
				l.Weight[i] *= scale
			}
			l.Bias[o] = b.Beta[o] - b.Mean[o]*scale
		}
	}
	return f
}
