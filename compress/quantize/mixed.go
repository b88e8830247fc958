package quantize

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"espalier/model"
)

// A Measurement is what a network does on images that are held out of calibration.
type Measurement struct {
	Loss float64 `json:"loss"` // mean cross-entropy
	Top1 float64 `json:"top1"` // fraction
}

// A Budget says what a network of mixed precision may cost; one limit is set.
type Budget struct {
	Bytes   int64   // of weights, scales, zero points and biases, as Network.Bytes
	MaxDrop float64 // of top-1 against 8 bits everywhere, as a fraction
}

// A Mixture is the bits of every layer's weights, and why.
type Mixture struct {
	Layers []Choice    `json:"layers"`
	Bytes  int64       `json:"bytes"`
	Wide   Measurement `json:"wide"`  // with weights of 8 bits everywhere
	Mixed  Measurement `json:"mixed"` // as chosen
	Within bool        `json:"within"`
}

// A Choice is one layer's bits.
type Choice struct {
	Layer string `json:"layer"`
	Bits  int    `json:"bits"`
	// Rise is the rise of the loss when this layer alone has these bits, and Saved
	// what that saves, in bytes.
	Rise  float64 `json:"rise"`
	Saved int64   `json:"saved"`
	// NextRise and NextSaved are of the next fewer bits, which were not taken; zero
	// where there are none.
	NextRise  float64 `json:"next_rise,omitempty"`
	NextSaved int64   `json:"next_saved,omitempty"`
}

// Reason says in words why a layer has its bits.
func (c Choice) Reason() string {
	had := fmt.Sprintf("alone it raises the loss by %.4f and saves %d bytes", c.Rise, c.Saved)
	if c.Bits == 8 {
		had = "nothing saved"
	}
	if c.NextSaved == 0 {
		return had
	}
	return fmt.Sprintf("%s; fewer bits would raise it by %.4f and save %d", had, c.NextRise, c.NextSaved)
}

// Mix chooses how many bits each layer's weights have. Every layer is measured
// alone at every number of bits: its sensitivity is the rise of the loss. From 8
// bits everywhere, the step that costs the least loss for a byte saved is then taken
// again and again: until the network fits the budget's bytes, or as long as the
// whole network, measured, keeps within its drop. Widths of activations are the
// recipe's.
//
// Measure is given networks to measure on the same images, each time anew.
func Mix(g *model.Graph, c *Calibration, r Recipe, b Budget, measure func(*Network) (Measurement, error)) (*Network, *Mixture, error) {
	m := &mixer{graph: g, calibration: c, recipe: r, measure: measure}
	wide, err := m.build(nil)
	if err != nil {
		return nil, nil, err
	}
	found := &Mixture{}
	if found.Wide, err = measure(wide); err != nil {
		return nil, nil, err
	}
	rise, err := m.sensitivity(wide, found.Wide)
	if err != nil {
		return nil, nil, err
	}
	path := steepest(wide.Layers(), rise)
	taken := 0
	if b.Bytes > 0 {
		size := wide.Bytes()
		for ; taken < len(path) && size > b.Bytes; taken++ {
			size -= path[taken].saved
		}
	} else if taken, err = m.furthest(path, found.Wide.Top1-b.MaxDrop); err != nil {
		return nil, nil, err
	}
	bits := along(path[:taken])
	n, err := m.build(bits)
	if err != nil {
		return nil, nil, err
	}
	if found.Mixed, err = measure(n); err != nil {
		return nil, nil, err
	}
	found.Bytes = n.Bytes()
	found.Within = b.Bytes > 0 && found.Bytes <= b.Bytes || b.Bytes == 0 && found.Mixed.Top1 >= found.Wide.Top1-b.MaxDrop
	for _, l := range wide.Layers() {
		found.Layers = append(found.Layers, choice(l, cmp.Or(bits[l.Name], 8), rise))
	}
	return n, found, nil
}

// A mixer builds networks that differ in their layers' bits.
type mixer struct {
	graph       *model.Graph
	calibration *Calibration
	recipe      Recipe
	measure     func(*Network) (Measurement, error)
}

// build returns the network with such bits of weights; layers without have 8.
func (m *mixer) build(bits map[string]int) (*Network, error) {
	widths := map[string]Width{}
	for _, l := range m.graph.Layers() {
		w := m.recipe.width(l.Name)
		w.Weights = cmp.Or(bits[l.Name], 8)
		widths[l.Name] = w
	}
	r, err := m.recipe.WithWidths(widths)
	if err != nil {
		return nil, err
	}
	return Build(m.graph, m.calibration, r)
}

// A setting is a layer at a number of bits.
type setting struct {
	layer string
	bits  int
}

// sensitivity measures the rise of the loss of every layer at every number of bits.
func (m *mixer) sensitivity(wide *Network, of Measurement) (map[setting]float64, error) {
	rise := map[setting]float64{}
	for _, l := range wide.Layers() {
		rise[setting{l.Name, 8}] = 0
		for _, bits := range Bits()[1:] {
			n, err := m.build(map[string]int{l.Name: bits})
			if err != nil {
				return nil, err
			}
			got, err := m.measure(n)
			if err != nil {
				return nil, err
			}
			rise[setting{l.Name, bits}] = got.Loss - of.Loss
		}
	}
	return rise, nil
}

// A narrowing takes one layer to fewer bits.
type narrowing struct {
	layer string
	to    int
	rise  float64 // of the loss, beside what the layer's bits before cost
	saved int64   // bytes
}

// price is the loss that a saved byte costs. A layer that gets better for it costs
// nothing.
func (s narrowing) price() float64 { return max(s.rise, 0) / float64(s.saved) }

// steepest returns all narrowings in the order in which they are taken: the next
// one is always that of the lowest price, of whichever layer. A layer may jump over
// numbers of bits where more of them together are cheaper.
func steepest(layers []*Node, rise map[setting]float64) []narrowing {
	at := map[string]int{}
	var path []narrowing
	for {
		var best *narrowing
		for _, l := range layers {
			now := cmp.Or(at[l.Name], 8)
			for _, bits := range Bits() {
				if bits >= now {
					continue
				}
				s := narrowing{
					layer: l.Name, to: bits, rise: rise[setting{l.Name, bits}] - rise[setting{l.Name, now}],
					saved: int64(packedLen(len(l.Weight), now) - packedLen(len(l.Weight), bits)),
				}
				if s.saved > 0 && (best == nil || s.price() < best.price()) {
					best = &s
				}
			}
		}
		if best == nil {
			return path
		}
		at[best.layer] = best.to
		path = append(path, *best)
	}
}

// along returns the layers' bits after some narrowings.
func along(path []narrowing) map[string]int {
	bits := map[string]int{}
	for _, s := range path {
		bits[s.layer] = s.to
	}
	return bits
}

// furthest returns how many of the narrowings keep the top-1, by halving: more of
// them are taken to cost more.
func (m *mixer) furthest(path []narrowing, top1 float64) (int, error) {
	low, high := 0, len(path) // low keeps it
	for low < high {
		middle := (low + high + 1) / 2
		n, err := m.build(along(path[:middle]))
		if err != nil {
			return 0, err
		}
		got, err := m.measure(n)
		if err != nil {
			return 0, err
		}
		if got.Top1 >= top1 {
			low = middle
		} else {
			high = middle - 1
		}
	}
	return low, nil
}

// choice describes a layer's bits.
func choice(l *Node, bits int, rise map[setting]float64) Choice {
	size := func(bits int) int64 { return int64(packedLen(len(l.Weight), bits)) }
	c := Choice{Layer: l.Name, Bits: bits, Rise: rise[setting{l.Name, bits}], Saved: size(8) - size(bits)}
	offered := Bits()
	if i := slices.Index(offered, bits) + 1; i < len(offered) {
		c.NextRise, c.NextSaved = rise[setting{l.Name, offered[i]}], size(8)-size(offered[i])
	}
	return c
}

// Counts returns how many layers have each number of bits, the widest first, as
// "12 of 8 bits, 8 of 4".
func (m *Mixture) Counts() string {
	count := map[int]int{}
	for _, c := range m.Layers {
		count[c.Bits]++
	}
	text := ""
	for _, bits := range slices.Backward(slices.Sorted(maps.Keys(count))) {
		if text == "" {
			text = fmt.Sprintf("%d of %d bits", count[bits], bits)
			continue
		}
		text += fmt.Sprintf(", %d of %d", count[bits], bits)
	}
	return text
}
