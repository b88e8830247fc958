package onnx

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"espalier/internal/finite"
	"espalier/model"
)

// weights32 returns the numbers of a constant input, which must be finite.
func weights32(in []*value, k int, what string) (*array, error) {
	if k >= len(in) || in[k] == nil {
		return nil, fmt.Errorf("its %s is missing; the file is damaged", what)
	}
	a := in[k].constant
	if a == nil || a.f == nil {
		return nil, fmt.Errorf("its %s is not a constant of floating-point numbers: only fixed weights are supported; export the network in evaluation mode", what)
	}
	if i := finite.First(a.f); i >= 0 {
		return nil, fmt.Errorf("its %s has element %d of %v; the file is damaged, or training diverged", what, i, a.f[i])
	}
	return a, nil
}

// perChannel returns a constant input as one number for each channel, whatever
// dimensions of 1 it has. A single number is repeated.
func (im *importer) perChannel(in []*value, k int, what string, channels int) ([]float32, error) {
	a, err := weights32(in, k, what)
	if err != nil {
		return nil, err
	}
	if err := im.spend(channels); err != nil {
		return nil, err
	}
	all := make([]float32, channels)
	switch len(a.f) {
	case channels:
		copy(all, a.f)
	case 1:
		for c := range all {
			all[c] = a.f[0]
		}
	default:
		return nil, fmt.Errorf("its %s has shape %v for %d channels; export the network again", what, a.dims, channels)
	}
	return all, nil
}

func given(in []*value, k int) bool { return k < len(in) && in[k] != nil }

// layer returns the name of a node whose weight is input k.
func (im *importer) layer(n *node, in []*value, k int) string {
	if given(in, k) && in[k].constant != nil {
		if name := layerOf(in[k].source); name != "" {
			return name
		}
	}
	return im.names.name(n)
}

// conv reads a Conv: x, weight [out][in/groups][k][k], and maybe a bias.
func (im *importer) conv(n *node, in []*value) (*value, error) {
	x, border, err := im.windowed(in)
	if err != nil {
		return nil, err
	}
	w, err := weights32(in, 1, "weight")
	if err != nil {
		return nil, err
	}
	if len(w.dims) != 4 {
		return nil, fmt.Errorf("its weight has shape %v: only convolutions of images are supported", w.dims)
	}
	win, err := window(n, x, w.dims[2:])
	if err != nil {
		return nil, err
	}
	groups := n.int("group", 1)
	if groups < 1 || groups > maxMap || int64(w.dims[1])*groups != int64(x.node.Shape.C) || w.dims[0] < 1 || w.dims[2] < 1 {
		return nil, fmt.Errorf("its weight has shape %v and it has %d groups for %d input channels; the file is damaged", w.dims, groups, x.node.Shape.C)
	}
	if win.kernel > 7 {
		return nil, fmt.Errorf("its kernel covers %d×%d pixels: at most 7×7 are supported; use a smaller kernel or dilation", win.kernel, win.kernel)
	}
	if err := im.spend(w.dims[0] * w.dims[1] * win.kernel * win.kernel); err != nil {
		return nil, err
	}
	op := model.Conv{Out: w.dims[0], Kernel: win.kernel, Stride: win.stride, Padding: win.padding, Groups: int(groups)}
	if border != nil {
		if border.value != 0 {
			return nil, fmt.Errorf("the Pad node %s before it pads with %v: a convolution takes zeros only", border.name, border.value)
		}
		op.Padding = plus(op.Padding, border.Padding)
	}
	c, err := im.add(im.layer(n, in, 1), op, x.node)
	if err != nil {
		return nil, err
	}
	if win.spread {
		im.spread(c, w, win)
	} else {
		copy(c.Weight, w.f)
	}
	if given(in, 2) {
		if c.Bias, err = im.perChannel(in, 2, "bias", c.Out()); err != nil {
			return nil, err
		}
	}
	return mapOf(c), nil
}

// spread places a kernel that is not square, or dilated, in a square one. The zeros
// around its elements stay zero in training.
func (im *importer) spread(c *model.Node, w *array, win win) {
	c.Mask = make([]float32, len(c.Weight))
	rows, columns, k := w.dims[2], w.dims[3], win.kernel
	for i, x := range w.f {
		kernel, y, x0 := i/(rows*columns), i/columns%rows, i%columns
		at := (kernel*k+win.first[0]+y*win.step[0])*k + win.first[1] + x0*win.step[1]
		c.Weight[at], c.Mask[at] = x, 1
	}
	im.noteOnce("kernels that are not square, or dilated, are read as square ones with zeros that stay zero; parameters and multiply-adds count the zeros")
}

func plus(a, b model.Padding) model.Padding {
	return model.Padding{Top: a.Top + b.Top, Left: a.Left + b.Left, Bottom: a.Bottom + b.Bottom, Right: a.Right + b.Right}
}

// mapOf returns a new node's output as a value [c][h][w].
func mapOf(n *model.Node) *value {
	return &value{node: n, dims: []int{n.Shape.C, n.Shape.H, n.Shape.W}, alone: true}
}

// like returns the output of a new node that computes elementwise on v.
func like(n *model.Node, v *value) *value {
	return &value{node: n, dims: v.dims, nhwc: v.nhwc, alone: true}
}

// fusedConv reads onnxruntime's convolution followed by an activation, possibly
// with a sum before it.
func (im *importer) fusedConv(n *node, in []*value) (*value, error) {
	y, err := im.conv(n, in[:min(len(in), 3)])
	if err != nil {
		return nil, err
	}
	if given(in, 3) {
		other, err := im.settled(in[3])
		if err != nil {
			return nil, err
		}
		if y, err = im.added(im.names.name(n)+".sum", y, other); err != nil {
			return nil, err
		}
	}
	return im.fusedActivation(n, y)
}

func (im *importer) fusedGemm(n *node, in []*value) (*value, error) {
	y, err := im.gemm(n, in)
	if err != nil {
		return nil, err
	}
	return im.fusedActivation(n, y)
}

func (im *importer) fusedActivation(n *node, y *value) (*value, error) {
	// param returns a parameter: FusedConv lists them, FusedGemm names them.
	param := func(k int, name string, otherwise float32) float32 {
		if p := n.floats("activation_params"); k < len(p) {
			return p[k]
		}
		return n.float(name, otherwise)
	}
	var op model.Op
	switch a := n.text("activation", ""); a {
	case "":
		return y, nil
	case "Relu":
		op = model.ReLU{}
	case "LeakyRelu":
		op = model.LeakyReLU{Slope: param(0, "activation_alpha", 0.01)}
	case "Sigmoid":
		op = model.Sigmoid{}
	case "HardSigmoid":
		return im.hardSigmoid(y.node.Name+".hard_sigmoid", y, float64(param(0, "activation_alpha", 0.2)), float64(param(1, "activation_beta", 0.5)))
	case "Clip":
		return im.clipped(y.node.Name+".clip", y, param(0, "activation_alpha", -math.MaxFloat32), param(1, "activation_beta", math.MaxFloat32))
	default:
		return nil, fmt.Errorf("the activation %s in it is not supported: save the network with a lower optimization level of onnxruntime", a)
	}
	a, err := im.add(y.node.Name+"."+clean(model.OpName(op)), op, y.node)
	if err != nil {
		return nil, err
	}
	return like(a, y), nil
}

// gemm reads alpha·x·B + beta·C, with B and C constants.
func (im *importer) gemm(n *node, in []*value) (*value, error) {
	if n.int("transA", 0) != 0 {
		return nil, errors.New("transA is not supported: export the network with the images in front")
	}
	w, err := weights32(in, 1, "weight")
	if err != nil {
		return nil, err
	}
	transposed := n.int("transB", 0) != 0
	l, err := im.linear(n, in, w, transposed, float64(n.float("alpha", 1)))
	if err != nil {
		return nil, err
	}
	if given(in, 2) {
		if l.Bias, err = im.perChannel(in, 2, "bias", l.Out()); err != nil {
			return nil, err
		}
		beta := float64(n.float("beta", 1))
		if beta-beta != 0 {
			return nil, fmt.Errorf("beta is %v; the file is damaged", beta)
		}
		for c := range l.Bias {
			l.Bias[c] = float32(beta * float64(l.Bias[c]))
		}
	}
	return &value{node: l, dims: []int{l.Out()}, alone: true}, nil
}

// matMul reads x·B with a constant B. An Add after it becomes its bias.
func (im *importer) matMul(n *node, in []*value) (*value, error) {
	w, err := weights32(in, 1, "weight")
	if err != nil {
		return nil, err
	}
	l, err := im.linear(n, in, w, false, 1)
	if err != nil {
		return nil, err
	}
	return &value{node: l, dims: []int{l.Out()}, alone: true}, nil
}

// linear adds a linear layer on input 0, without a bias. The weight is [out][in]
// if it is transposed, [in][out] if not.
func (im *importer) linear(n *node, in []*value, w *array, transposed bool, alpha float64) (*model.Node, error) {
	if !given(in, 0) {
		return nil, errInputs
	}
	x, err := im.settled(in[0])
	if err != nil {
		return nil, err
	}
	if len(w.dims) != 2 || len(x.dims) != 1 {
		return nil, fmt.Errorf("it multiplies a value of shape %s by a weight of shape %v: only vectors by matrices are supported; flatten before it", x, w.dims)
	}
	outs, ins := w.dims[0], w.dims[1]
	if !transposed {
		outs, ins = ins, outs
	}
	if ins != x.dims[0] || ins < 1 || outs < 1 {
		return nil, fmt.Errorf("its weight has shape %v for %d inputs; the file is damaged", w.dims, x.dims[0])
	}
	if alpha-alpha != 0 {
		return nil, fmt.Errorf("alpha is %v; the file is damaged", alpha)
	}
	if err := im.spend(len(w.f) + outs); err != nil {
		return nil, err
	}
	name := im.layer(n, in, 1)
	vector, shape := x.node, x.node.Shape
	if !shape.IsVector() { // flat in the order of [h][w][c]
		if vector, err = im.add(name+".flatten", model.Flatten{}, x.node); err != nil {
			return nil, err
		}
	}
	l, err := im.add(name, model.Linear{Out: outs}, vector)
	if err != nil {
		return nil, err
	}
	l.Bias = nil
	for o := range outs {
		for i := range ins {
			from := i*outs + o
			if transposed {
				from = o*ins + i
			}
			to := i
			if x.nhwc {
				to = i%shape.C*shape.H*shape.W + i/shape.C
			}
			l.Weight[o*ins+to] = float32(alpha * float64(w.f[from]))
		}
	}
	return l, nil
}

// batchNorm reads a BatchNormalization. It uses the running statistics, also if
// the file was exported in training mode.
func (im *importer) batchNorm(n *node, in []*value) (*value, error) {
	if !given(in, 0) {
		return nil, errInputs
	}
	x, err := im.settled(in[0])
	if err != nil {
		return nil, err
	}
	s := x.node.Shape
	if x.nhwc || len(x.dims) == 0 || x.dims[0] != s.C {
		return nil, fmt.Errorf("the channels of a value of shape %s are not its second dimension: export the network as [batch][channels][height][width]", x)
	}
	if n.int("spatial", 1) == 0 && !s.IsVector() {
		return nil, errors.New("statistics for each pixel (spatial = 0) are not supported: train the network with statistics for each channel")
	}
	epsilon, momentum := float64(n.float("epsilon", 1e-5)), float64(n.float("momentum", 0.9))
	if !(momentum >= 0 && momentum <= 1) {
		momentum = 1 - model.NormMomentum
	}
	if err := im.spend(4 * s.C); err != nil {
		return nil, err
	}
	// Shortest decimals: 1e-5 as float32 is not 1e-5 as float64.
	b, err := im.add(im.layer(n, in, 1), model.BatchNorm{Epsilon: decimal(epsilon), Momentum: 1 - decimal(momentum)}, x.node)
	if err != nil {
		return nil, err
	}
	for k, p := range []struct {
		what string
		to   *[]float32
	}{{"scale", &b.Weight}, {"bias", &b.Bias}, {"mean", &b.Mean}, {"variance", &b.Var}} {
		if *p.to, err = im.perChannel(in, k+1, p.what, s.C); err != nil {
			return nil, err
		}
	}
	for c, v := range b.Var {
		if v < 0 {
			return nil, fmt.Errorf("its variance has element %d of %v, but a variance cannot be negative; the file is damaged", c, v)
		}
	}
	training := n.int("training_mode", 0) != 0
	for _, name := range n.outputs[1:] {
		training = training || name != ""
	}
	if training {
		im.noteOnce("the file was exported in training mode: batch norm is read with its running statistics")
	}
	return like(b, x), nil
}

func (im *importer) noteOnce(text string) {
	if !slices.Contains(im.notes, text) {
		im.notes = append(im.notes, text)
	}
}
