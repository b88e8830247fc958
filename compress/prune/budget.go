package prune

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"espalier/model"
)

// A Budget says how much of a network is removed: one of these shares, above 0
// and below 1.
type Budget struct {
	Share      float64 // of the channels that are in groups
	MACs       float64 // of the multiply-adds of an image
	Parameters float64 // of the trained values
}

// Limits say how many channels must stay.
type Limits struct {
	// RoundTo divides the number of channels of every pruned layer; 0 and 1
	// allow any number. Kernels compute 16 channels at a time.
	RoundTo int
	// Floor is the smallest share of each group's channels that stays. At least
	// RoundTo channels stay, too.
	Floor float64
	// PerLayer keeps the same share of every group and ranks channels within
	// it; otherwise all groups' channels are ranked together.
	PerLayer bool
}

// DefaultLimits keep multiples of the kernels' 16 channels and at least a tenth
// of every group.
func DefaultLimits() Limits { return Limits{RoundTo: 16, Floor: 0.1} }

func (l Limits) check() error {
	if l.RoundTo < 0 {
		return fmt.Errorf("channels rounded to %d: want 1 or more", l.RoundTo)
	}
	if !(l.Floor >= 0 && l.Floor < 1) {
		return fmt.Errorf("a floor of %v of a layer's channels: want 0 to below 1", l.Floor)
	}
	return nil
}

// levels returns the numbers of channels that a group may keep, falling: all
// channels, and the smaller multiples that the limits allow.
func (l Limits) levels(g *Group) []int {
	step := max(1, l.RoundTo)
	if len(g.Members) > 0 { // a grouped convolution has each channel several times
		step /= gcd(step, len(g.Members[0].Index[0]))
	}
	least := max(1, step, int(math.Ceil(l.Floor*float64(g.Size)-1e-9)))
	levels := []int{g.Size}
	for n := (g.Size - 1) / step * step; n >= least; n -= step {
		levels = append(levels, n)
	}
	return levels
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// A Size is what a network with fewer channels costs.
type Size struct {
	Channels   int // in groups
	MACs       int64
	Parameters int
}

// Size returns the cost of the network if so many channels of each group stay.
func (c *Channels) Size(counts []int) Size {
	var s Size
	for _, n := range counts {
		s.Channels += n
	}
	for _, n := range c.Graph.Nodes {
		out := c.width(n, counts)
		switch op := n.Op.(type) {
		case model.Conv:
			fan := op.Kernel * op.Kernel
			if !depthwise(n) {
				fan *= c.width(n.Inputs[0], counts) / op.Groups
			}
			s.MACs += int64(out*fan) * int64(n.Shape.H*n.Shape.W)
			s.Parameters += out * fan
		case model.Linear:
			in := c.width(n.Inputs[0], counts)
			s.MACs += int64(out * in)
			s.Parameters += out * in
		case model.BatchNorm:
			s.Parameters += out
		}
		if n.Bias != nil {
			s.Parameters += out
		}
	}
	return s
}

// width returns how many channels of a node's output stay.
func (c *Channels) width(n *model.Node, counts []int) int {
	width := n.Shape.C
	for _, s := range c.spans[n] {
		width -= s.times * (c.Groups[s.group].Size - counts[s.group])
	}
	return width
}

// dense returns the groups' sizes.
func (c *Channels) dense() []int {
	var counts []int
	for _, g := range c.Groups {
		counts = append(counts, g.Size)
	}
	return counts
}

// limit returns the number of a size that the budget limits, how much of it may
// stay, and its name.
func (b Budget) limit(dense Size) (of func(Size) float64, most float64, name string, err error) {
	type share struct {
		removed float64
		of      func(Size) float64
		name    string
	}
	var set []share
	for _, s := range []share{
		{b.Share, func(s Size) float64 { return float64(s.Channels) }, "channels"},
		{b.MACs, func(s Size) float64 { return float64(s.MACs) }, "multiply-adds"},
		{b.Parameters, func(s Size) float64 { return float64(s.Parameters) }, "parameters"},
	} {
		if s.removed != 0 {
			set = append(set, s)
		}
	}
	if len(set) != 1 {
		return nil, 0, "", errors.New("pruning channels: want one budget, a share of channels, of multiply-adds or of parameters")
	}
	s := set[0]
	if !(s.removed > 0 && s.removed < 1) {
		return nil, 0, "", fmt.Errorf("pruning %v of the %s: want a share above 0 and below 1", s.removed, s.name)
	}
	return s.of, s.of(dense) * (1 - s.removed), s.name, nil
}

// Choose returns the channels that stay: those with the largest scores (see
// Scores). The budget is met as closely as the limits allow, and never exceeded.
// If it cannot be met, the error says what the smallest network has.
func (c *Channels) Choose(scores [][]float64, b Budget, l Limits) (Kept, error) {
	if err := l.check(); err != nil {
		return nil, err
	}
	of, most, name, err := b.limit(c.Size(c.dense()))
	if err != nil {
		return nil, err
	}
	cost := func(counts []int) float64 { return of(c.Size(counts)) }
	s := newSearch(c, scores, l)
	if least := cost(s.smallest()); least > most {
		return nil, fmt.Errorf("pruning channels of %s: the budget allows %.0f %s, but the smallest network has %.0f; remove less, round to fewer channels, or lower the floor", c.Graph.Name, most, name, least)
	}
	return s.keep(s.counts(s.meet(cost, most))), nil
}

// Without keeps all channels but, of one group, the share with the smallest
// scores; at least one channel stays. A group without scores loses its last ones.
func (c *Channels) Without(scores [][]float64, group int, share float64) Kept {
	counts := c.dense()
	size := counts[group]
	counts[group] = max(1, size-int(math.Round(share*float64(size))))
	return newSearch(c, scores, Limits{}).keep(counts)
}

// A search looks for numbers of channels.
type search struct {
	channels *Channels
	perLayer bool
	ranked   [][]int     // of each group, the least important channels first
	scores   [][]float64 // as given
	levels   [][]int     // of each group, falling
}

func newSearch(c *Channels, scores [][]float64, l Limits) *search {
	s := &search{channels: c, scores: scores, perLayer: l.PerLayer}
	for i, g := range c.Groups {
		order := make([]int, g.Size)
		for ch := range order {
			order[ch] = g.Size - 1 - ch // of equal scores the last channel goes first, as among weights
		}
		levels := []int{g.Size}
		if scores[i] != nil {
			slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(scores[i][a], scores[i][b]) })
			levels = l.levels(g)
		}
		s.ranked, s.levels = append(s.ranked, order), append(s.levels, levels)
	}
	return s
}

// counts returns the numbers of channels at a level of each group.
func (s *search) counts(at []int) []int {
	counts := make([]int, len(at))
	for i, level := range at {
		counts[i] = s.levels[i][level]
	}
	return counts
}

func (s *search) smallest() []int {
	at := make([]int, len(s.levels))
	for i, levels := range s.levels {
		at[i] = len(levels) - 1
	}
	return s.counts(at)
}

// meet returns levels of the groups with a cost of at most most. The smallest
// network must meet it.
func (s *search) meet(cost func(counts []int) float64, most float64) []int {
	if s.perLayer {
		return s.uniform(cost, most)
	}
	return s.greedy(cost, most)
}

// uniform keeps the largest share of all groups that the cost allows.
func (s *search) uniform(cost func(counts []int) float64, most float64) []int {
	at := func(share float64) []int {
		at := make([]int, len(s.levels))
		for i, levels := range s.levels {
			want := share * float64(levels[0])
			for at[i]+1 < len(levels) && float64(levels[at[i]+1]) >= want-1e-9 {
				at[i]++
			}
		}
		return at
	}
	low, high := 0.0, 1.0
	for range 40 {
		middle := (low + high) / 2
		if cost(s.counts(at(middle))) <= most {
			low = middle
		} else {
			high = middle
		}
	}
	return at(low)
}

// greedy lowers groups level by level until the cost is low enough, always the
// group whose next channels have the smallest mean score. Then it gives back what
// the cost still allows, the most important channels first.
func (s *search) greedy(cost func(counts []int) float64, most float64) []int {
	at := make([]int, len(s.levels))
	for cost(s.counts(at)) > most {
		next, least := -1, 0.0
		for i := range at {
			if at[i]+1 == len(s.levels[i]) {
				continue
			}
			if v := s.mean(i, at[i]); next < 0 || v < least {
				next, least = i, v
			}
		}
		at[next]++
	}
	return s.giveBack(at, cost, most)
}

// giveBack takes groups up again as far as the cost allows, the one first whose
// channels have the largest mean score.
func (s *search) giveBack(at []int, cost func(counts []int) float64, most float64) []int {
	for {
		back, largest := -1, 0.0
		for i := range at {
			if at[i] == 0 {
				continue
			}
			at[i]--
			if v := s.mean(i, at[i]); (back < 0 || v > largest) && cost(s.counts(at)) <= most {
				back, largest = i, v
			}
			at[i]++
		}
		if back < 0 {
			return at
		}
		at[back]--
	}
}

// mean returns the mean score of the channels that a group loses from a level to
// the next.
func (s *search) mean(group, level int) float64 {
	size := s.levels[group][0]
	from, to := size-s.levels[group][level], size-s.levels[group][level+1]
	sum := 0.0
	for _, ch := range s.ranked[group][from:to] {
		sum += s.scores[group][ch]
	}
	return sum / float64(to-from)
}

// keep returns the channels that stay where so many of each group do.
func (s *search) keep(counts []int) Kept {
	k := s.channels.All()
	for i, n := range counts {
		for _, ch := range s.ranked[i][:len(s.ranked[i])-n] {
			k[i][ch] = false
		}
	}
	return k
}
