package kernel

import (
	"fmt"
	"math"
)

// An ActivationKind names a function of one value.
type ActivationKind int

const (
	// Clip is min(max(x, Min), Max): a ReLU with Min 0 and Max +Inf, a ReLU6
	// with 0 and 6.
	Clip ActivationKind = iota
	// LeakyReLU is x where x > 0, and Slope·x elsewhere.
	LeakyReLU
	// Sigmoid is 1/(1 + e^−x).
	Sigmoid
	// SiLU is x·sigmoid(x).
	SiLU
	// HardSigmoid is min(max(x+3, 0), 6)/6.
	HardSigmoid
	// HardSwish is x·hardsigmoid(x).
	HardSwish
	// FakeQuantize is Scale·min(max(round(x/Scale), Min), Max), rounding half to even,
	// as torch.fake_quantize_per_tensor_affine computes it. The gradient is 1 where the
	// rounded value is within Min and Max, and 0 elsewhere.
	FakeQuantize
)

// An Activation is a function of one value. NaN stays NaN.
//
// Accuracy: Clip, LeakyReLU and FakeQuantize round as float32 does. Of the others,
//
//	|y − exact| ≤ 2⁻²¹·|exact| + 2⁻¹²⁶·max(1, |x|)   Sigmoid, SiLU, HardSigmoid, HardSwish
//	|dx − exact| ≤ 2⁻²⁰·|dy|                          their gradients
//
// where the gradient of Sigmoid and HardSigmoid is exact in the output that it
// is given. Sets differ in their last bits.
type Activation struct {
	Kind     ActivationKind
	Min, Max float32 // of Clip and FakeQuantize
	Slope    float32 // of LeakyReLU, not negative
	Scale    float32 // of FakeQuantize, positive
}

// NeedsInput reports whether ActivationGrad wants the activation's input x.
// Otherwise it takes the output y.
func (a Activation) NeedsInput() bool {
	return a.Kind == SiLU || a.Kind == HardSwish || a.Kind == FakeQuantize
}

// zero reports whether the function maps 0 to 0, so that the channels that fill
// up a block stay zero.
func (a Activation) zero() bool {
	switch a.Kind {
	case Clip:
		return a.Min <= 0 && a.Max >= 0
	case Sigmoid, HardSigmoid:
		return false
	}
	return true
}

// activationFuncs are the inner functions of activations, on vectors of equal
// length.
type activationFuncs struct {
	forward func(a Activation, y, x []float32)
	grad    func(a Activation, dx, dy, v []float32)
}

func activationGo() activationFuncs {
	return activationFuncs{forward: activateGo, grad: activationGradGo}
}

// Activate computes y = a(x) for one image with c channels. The channels that
// fill up the last block become zero.
//
//	y, x   laid out as m; y may be x
func (s *Set) Activate(m Map, c int, a Activation, y, x []float32) {
	m.check()
	need("y", y, m.Len())
	need("x", x, m.Len())
	m.rows(func(_, from, to int) { s.activation.forward(a, y[from:to], x[from:to]) })
	if !a.zero() {
		m.clearBehind(c, y)
	}
}

// ActivationGrad computes dx = dy·a′ for one image, from the activation's input
// or output v; see NeedsInput. A Clip's gradient is 0 at its bounds and beyond,
// as PyTorch's ReLU6 has it.
//
//	dx, dy, v   laid out as m; dx may be dy or v
func (s *Set) ActivationGrad(m Map, a Activation, dx, dy, v []float32) {
	m.check()
	need("dx", dx, m.Len())
	need("dy", dy, m.Len())
	need("v", v, m.Len())
	m.rows(func(_, from, to int) { s.activation.grad(a, dx[from:to], dy[from:to], v[from:to]) })
}

// ActivateVector computes y = a(x); y may be x.
func (s *Set) ActivateVector(a Activation, y, x []float32) {
	need("y", y, len(x))
	s.activation.forward(a, y[:len(x)], x)
}

// clearBehind sets all channels from c on to zero.
func (m Map) clearBehind(c int, x []float32) {
	for b := c / Lanes; b < m.C/Lanes; b++ {
		first := max(0, c-b*Lanes)
		for y := range m.H {
			at := m.At(b*Lanes, y, 0)
			for end := at + m.W*Lanes; at < end; at += Lanes {
				clear(x[at+first : at+Lanes])
			}
		}
	}
}

// activateGo is the definition of all activations.
func activateGo(a Activation, y, x []float32) {
	for i, v := range x {
		y[i] = a.Value(v)
	}
}

// Value returns a(x).
func (a Activation) Value(x float32) float32 {
	switch a.Kind {
	case Clip:
		return clip(x, a.Min, a.Max)
	case LeakyReLU:
		if x < 0 {
			return x * a.Slope
		}
		return x
	case Sigmoid:
		return sigmoid(x)
	case SiLU:
		return x * sigmoid(x)
	case HardSigmoid:
		return clip(x+3, 0, 6) / 6
	case HardSwish:
		return x * (clip(x+3, 0, 6) / 6)
	case FakeQuantize:
		return a.Scale * clip(a.steps(x), a.Min, a.Max)
	}
	panic(fmt.Sprintf("kernel: no activation of number %d", a.Kind))
}

func activationGradGo(a Activation, dx, dy, v []float32) {
	for i, g := range dy {
		dx[i] = g * a.slope(v[i])
	}
}

// slope returns the derivative, given the input or the output.
func (a Activation) slope(v float32) float32 {
	switch a.Kind {
	case Clip:
		return inside(v, a.Min, a.Max)
	case LeakyReLU:
		if v > 0 {
			return 1
		}
		return a.Slope
	case Sigmoid:
		return v * (1 - v)
	case SiLU:
		s := sigmoid(v)
		return s + v*(s*(1-s))
	case HardSigmoid:
		return inside(v, 0, 1) / 6
	case HardSwish:
		return clip(v+3, 0, 6)/6 + v*(inside(v, -3, 3)/6)
	case FakeQuantize:
		if s := a.steps(v); s >= a.Min && s <= a.Max {
			return 1
		}
		return 0
	}
	panic(fmt.Sprintf("kernel: no activation of number %d", a.Kind))
}

// steps returns x/Scale to the nearest whole number.
func (a Activation) steps(x float32) float32 {
	return float32(math.RoundToEven(float64(x * (1 / a.Scale))))
}

// Gradient takes dy to dy·a′(x), for a function that needs its input.
func (a Activation) Gradient(dy, x []float32) {
	for i, v := range x {
		dy[i] *= a.slope(v)
	}
}

// ScaleGrad is Activation.ScaleGrad for one image laid out as m.
func (m Map) ScaleGrad(a Activation, dy, x []float32) (sum float64) {
	m.rows(func(_, from, to int) { sum += a.ScaleGrad(dy[from:to], x[from:to]) })
	return sum
}

// ScaleGrad returns the gradient of a FakeQuantize's scale: Σ dy·(round(x/s) − x/s), and
// Σ dy·limit where the steps are limited.
func (a Activation) ScaleGrad(dy, x []float32) (sum float64) {
	inverse := 1 / a.Scale
	for i, g := range dy {
		v := x[i] * inverse
		q := float32(math.RoundToEven(float64(v)))
		switch {
		case q < a.Min:
			sum += float64(g) * float64(a.Min)
		case q > a.Max:
			sum += float64(g) * float64(a.Max)
		default:
			sum += float64(g) * float64(q-v)
		}
	}
	return sum
}

// inside is 1 between low and high, and 0 elsewhere and for NaN.
func inside(v, low, high float32) float32 {
	if v > low && v < high {
		return 1
	}
	return 0
}

// clip returns v, at least low and at most high; NaN stays.
func clip(v, low, high float32) float32 {
	if v < low {
		return low
	}
	if v > high {
		return high
	}
	return v
}

// sigmoid is 1/(1 + e^−x).
func sigmoid(x float32) float32 { return 1 / (1 + exponential(-x)) }

// The exponential is that of Cephes' expf (Moshier): e^x = 2^n·e^r with n the
// integer nearest to x/ln 2, r = x − n·ln 2 with ln 2 in two parts, and a
// polynomial of degree 7 in r, whose relative error is below 2⁻²³ for |r| ≤
// ln 2/2. Arguments are limited to ±88.
const (
	expLimit  = 88
	expLog2e  = 1.44269504
	expLn2    = 0.693359375    // 9 bits: its product with n is exact
	expLn2Low = -2.12194440e-4 // the rest of ln 2
)

var expTerms = [6]float32{1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1}

func exponential(x float32) float32 {
	x = clip(x, -expLimit, expLimit)
	if x != x {
		return x
	}
	n := float32(math.RoundToEven(float64(x * expLog2e)))
	r := x - n*expLn2 - n*expLn2Low
	p := expTerms[0]
	for _, t := range expTerms[1:] {
		p = p*r + t
	}
	return (p*r*r + r + 1) * math.Float32frombits(uint32(int32(n)+127)<<23)
}
