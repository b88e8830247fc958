package reference

import "espalier/model"

// A Network is a model.Network in float64, with gradients and momentum.
type Network struct {
	// Loss is what Backward differentiates, with the logits of a Teacher
	// [n][classes] if it wants one.
	Loss    Loss
	Teacher []float64

	stem   *unit
	blocks []*block
	fcW    *Parameter
	fcB    *Parameter
	all    []*Parameter
}

// A Parameter is a trained tensor under its PyTorch name.
type Parameter struct {
	Name                     string
	Data, Gradient, Velocity []float64
	Weight                   bool // of a convolution or the classifier, rather than a bias or batch norm's
}

// SGD is a model.SGD in float64.
type SGD struct {
	Momentum, WeightDecay float64
	Nesterov, WeightsOnly bool
}

// A unit is a convolution with its batch norm.
type unit struct {
	shape       Shape
	w           *Parameter
	gamma, beta *Parameter
	norm        *Norm
	name        string

	x []float64 // of the last forward pass
}

type block struct {
	conv1, conv2, down *unit

	x, a1, out []float64
}

// From copies n, which must not be fused.
func From(g *model.Graph) *Network {
	n, err := model.NetworkOf(g)
	if err != nil {
		panic(err)
	}
	r := &Network{}
	r.stem = r.unit(n.Stem)
	for _, b := range n.Blocks {
		out := &block{conv1: r.unit(b.Conv1), conv2: r.unit(b.Conv2)}
		if b.Downsample != nil {
			out.down = r.unit(b.Downsample)
		}
		r.blocks = append(r.blocks, out)
	}
	r.fcW = r.parameter(n.Classifier.Name+".weight", n.Classifier.Weight)
	r.fcW.Weight = true
	r.fcB = r.parameter(n.Classifier.Name+".bias", n.Classifier.Bias)
	return r
}

func (r *Network) parameter(name string, data []float32) *Parameter {
	p := &Parameter{Name: name, Data: wide(data), Velocity: make([]float64, len(data))}
	r.all = append(r.all, p)
	return p
}

func (r *Network) unit(l *model.Layer) *unit {
	u := &unit{
		name:  l.Norm.Name,
		shape: Shape{In: l.In, Out: l.Out, H: l.Size * l.Stride, W: l.Size * l.Stride, Kernel: l.Kernel, Stride: l.Stride},
		w:     r.parameter(l.Name+".weight", l.Weight),
		gamma: r.parameter(l.Norm.Name+".weight", l.Norm.Gamma),
		beta:  r.parameter(l.Norm.Name+".bias", l.Norm.Beta),
	}
	u.w.Weight = true
	u.norm = &Norm{Gamma: u.gamma.Data, Beta: u.beta.Data, RunningMean: wide(l.Norm.Mean), RunningVar: wide(l.Norm.Var)}
	return u
}

func wide(data []float32) []float64 {
	out := make([]float64, len(data))
	for i, v := range data {
		out[i] = float64(v)
	}
	return out
}

// Parameters returns all trained tensors.
func (r *Network) Parameters() []*Parameter { return r.all }

// Statistics returns the running mean and variance of every batch norm under
// PyTorch's names.
func (r *Network) Statistics() map[string][]float64 {
	all := map[string][]float64{}
	for _, u := range r.units() {
		all[u.name+".running_mean"], all[u.name+".running_var"] = u.norm.RunningMean, u.norm.RunningVar
	}
	return all
}

func (r *Network) units() []*unit {
	all := []*unit{r.stem}
	for _, b := range r.blocks {
		all = append(all, b.conv1, b.conv2)
		if b.down != nil {
			all = append(all, b.down)
		}
	}
	return all
}

// Logits evaluates x [n][3][32][32] with running statistics. See, if not nil,
// is shown the output of every block by its index.
func (r *Network) Logits(n int, x []float64, see func(block int, out []float64)) []float64 {
	a := ReLU(r.stem.infer(n, x))
	for i, b := range r.blocks {
		sum := b.conv2.infer(n, ReLU(b.conv1.infer(n, a)))
		addTo(sum, b.shortcut(n, a, (*unit).infer))
		a = ReLU(sum)
		if see != nil {
			see(i, a)
		}
	}
	return LinearForward(n, PoolForward(r.last(), a), r.fcW.Data, r.fcB.Data)
}

// Backward runs x [n][3][32][32] forward in training mode and computes all
// gradients of the mean loss, which it returns.
func (r *Network) Backward(n int, x []float64, labels []uint8) float64 {
	stem := ReLU(r.stem.forward(n, x))
	a := stem
	for _, b := range r.blocks {
		b.x, b.a1 = a, ReLU(b.conv1.forward(n, a))
		sum := b.conv2.forward(n, b.a1)
		addTo(sum, b.shortcut(n, a, (*unit).forward))
		b.out = ReLU(sum)
		a = b.out
	}
	pooled := PoolForward(r.last(), a)
	loss, dLogits := r.Loss.Of(n, LinearForward(n, pooled, r.fcW.Data, r.fcB.Data), r.Teacher, labels)
	g, dw, db := LinearBackward(n, pooled, r.fcW.Data, dLogits)
	r.fcW.Gradient, r.fcB.Gradient = dw, db
	g = PoolBackward(r.last(), g)
	for i := len(r.blocks) - 1; i >= 0; i-- {
		b := r.blocks[i]
		g = ReLUBackward(b.out, g)
		dx := b.conv1.backward(n, ReLUBackward(b.a1, b.conv2.backward(n, g)))
		switch s := b.conv1.shape; {
		case b.down != nil:
			addTo(dx, b.down.backward(n, g))
		case s.Stride == 2:
			addTo(dx, PadBackward(n, s.In, s.H/2, s.W/2, g))
		default:
			addTo(dx, g)
		}
		g = dx
	}
	r.stem.backward(n, ReLUBackward(stem, g))
	return loss
}

// Update takes a step of torch.optim.SGD with the last gradients.
func (r *Network) Update(lr float64, o SGD) {
	for _, p := range r.all {
		p.Update(lr, o)
	}
}

// Update takes a step with the last gradient.
func (p *Parameter) Update(lr float64, o SGD) {
	decay := o.WeightDecay
	if o.WeightsOnly && !p.Weight {
		decay = 0
	}
	for i, g := range p.Gradient {
		g += decay * p.Data[i]
		p.Velocity[i] = o.Momentum*p.Velocity[i] + g
		if o.Nesterov {
			p.Data[i] -= lr * (g + o.Momentum*p.Velocity[i])
		} else {
			p.Data[i] -= lr * p.Velocity[i]
		}
	}
}

// last returns the pixels of the last map.
func (r *Network) last() int {
	s := r.blocks[len(r.blocks)-1].conv2.shape
	return s.H * s.W
}

func (b *block) shortcut(n int, x []float64, run func(u *unit, n int, x []float64) []float64) []float64 {
	switch s := b.conv1.shape; {
	case b.down != nil:
		return run(b.down, n, x)
	case s.Stride == 2:
		return PadForward(n, s.In, s.H/2, s.W/2, x)
	}
	return x
}

func (u *unit) size() int {
	h, w := u.shape.OutSize()
	return h * w
}

func (u *unit) infer(n int, x []float64) []float64 {
	return u.norm.Infer(n, u.size(), ConvForward(u.shape, n, x, u.w.Data))
}

func (u *unit) forward(n int, x []float64) []float64 {
	u.x = x
	return u.norm.Forward(n, u.size(), ConvForward(u.shape, n, x, u.w.Data))
}

func (u *unit) backward(n int, dy []float64) (dx []float64) {
	dy, u.gamma.Gradient, u.beta.Gradient = u.norm.Backward(n, u.size(), dy)
	dx, u.w.Gradient = ConvBackward(u.shape, n, u.x, u.w.Data, dy)
	return dx
}

func addTo(dst, src []float64) {
	for i, v := range src {
		dst[i] += v
	}
}
