package compare

import (
	"fmt"
	"math"

	"espalier/compress/quantize"
)

// A Layer is what was measured at one point. A is the first network, B the
// second, which is compared with it.
type Layer struct {
	Point string `json:"point"`
	// SNR is the signal-to-noise ratio in dB: 10·log₁₀(Σa² / Σ(b−a)²); nil
	// where the two are the same, and where values are not finite.
	SNR     *float64   `json:"snr_db"`
	Largest Difference `json:"largest_difference"` // of finite values
	// NotFinite tells of values that are NaN or infinite; nil where there are none.
	NotFinite *NotFinite `json:"not_finite,omitempty"`
	// Saturation of each network that has codes.
	SaturatedA *Saturation `json:"saturated_a,omitempty"`
	SaturatedB *Saturation `json:"saturated_b,omitempty"`
	// Dead channels have the same value everywhere in all images.
	DeadA []int `json:"dead_channels_a"`
	DeadB []int `json:"dead_channels_b"`
}

// A Difference says where two activations are farthest apart.
type Difference struct {
	Value float64 `json:"value"` // b − a
	A     float32 `json:"a"`
	B     float32 `json:"b"`
	Place
}

// NotFinite counts a point's values that are NaN or infinite in either network
// and says where the first one is.
type NotFinite struct {
	A     int    `json:"a"`     // values of the first network
	B     int    `json:"b"`     // values of the second network
	First Place  `json:"first"` // the first of both
	InA   string `json:"in_a"`  // the values there, as NaN, +Inf or a number
	InB   string `json:"in_b"`
}

// A Place is where in the images' activations a value is.
type Place struct {
	Image   int `json:"image"`
	Channel int `json:"channel"`
	Y       int `json:"y"`
	X       int `json:"x"`
}

// Saturation is the share of codes at the limits of the range. Behind a ReLU
// the lower limit is the real zero, where nothing is lost.
type Saturation struct {
	Min float64 `json:"at_min"` // share of codes 0
	Max float64 `json:"at_max"` // share of codes 255
}

// A meter measures one point, batch by batch.
type meter struct {
	point         string
	images        int
	signal, noise float64
	largest       Difference
	notFinite     *NotFinite
	a, b          side
}

// A side is what is kept of one network.
type side struct {
	low, high       []float32 // of every channel
	codes, min, max int       // all codes, those at 0, those at 255
}

// add measures one batch.
func (m *meter) add(a, b quantize.Activation) {
	for i, x := range a.Values {
		y := b.Values[i]
		if x-x != 0 || y-y != 0 {
			m.count(x, y, m.place(a, i))
			continue
		}
		d := float64(y) - float64(x)
		m.signal += float64(x) * float64(x)
		m.noise += d * d
		if math.Abs(d) > math.Abs(m.largest.Value) {
			m.largest = Difference{Value: d, A: x, B: y, Place: m.place(a, i)}
		}
	}
	m.images += len(a.Values) / (a.C * a.H * a.W)
	m.a.add(a)
	m.b.add(b)
}

// place returns where value i of a batch is.
func (m *meter) place(a quantize.Activation, i int) Place {
	plane := a.H * a.W
	return Place{Image: m.images + i/(a.C*plane), Channel: i / plane % a.C, Y: i % plane / a.W, X: i % a.W}
}

// count notes a pair of values of which one is not finite.
func (m *meter) count(x, y float32, at Place) {
	if m.notFinite == nil {
		m.notFinite = &NotFinite{First: at, InA: fmt.Sprint(x), InB: fmt.Sprint(y)}
	}
	if x-x != 0 {
		m.notFinite.A++
	}
	if y-y != 0 {
		m.notFinite.B++
	}
}

func (s *side) add(a quantize.Activation) {
	if s.low == nil {
		for c := range a.C {
			first := a.Values[c*a.H*a.W]
			s.low, s.high = append(s.low, first), append(s.high, first)
		}
	}
	for i, v := range a.Values {
		c := i / (a.H * a.W) % a.C
		s.low[c], s.high[c] = min(s.low[c], v), max(s.high[c], v)
	}
	s.codes += len(a.Codes)
	for _, code := range a.Codes {
		switch code {
		case 0:
			s.min++
		case 255:
			s.max++
		}
	}
}

// dead returns the channels that never change.
func (s *side) dead() []int {
	dead := []int{} // an empty list in JSON
	for c := range s.low {
		if s.low[c] == s.high[c] {
			dead = append(dead, c)
		}
	}
	return dead
}

// saturation is nil where there are no codes.
func (s *side) saturation() *Saturation {
	if s.codes == 0 {
		return nil
	}
	return &Saturation{float64(s.min) / float64(s.codes), float64(s.max) / float64(s.codes)}
}

// disagrees reports whether the point's values are not finite, or their SNR is
// below a limit in dB.
func (l Layer) disagrees(limit float64) bool {
	return l.NotFinite != nil || l.SNR != nil && *l.SNR < limit
}

// layer returns what was measured.
func (m *meter) layer() Layer {
	l := Layer{
		Point: m.point, Largest: m.largest, NotFinite: m.notFinite, SaturatedA: m.a.saturation(), SaturatedB: m.b.saturation(),
		DeadA: m.a.dead(), DeadB: m.b.dead(),
	}
	if m.noise > 0 && m.notFinite == nil {
		// JSON has no infinity. Where there is only noise, the ratio is a large
		// negative number.
		snr := max(10*math.Log10(m.signal/m.noise), -400)
		l.SNR = &snr
	}
	return l
}
