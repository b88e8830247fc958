package prune

import (
	"context"
	"fmt"
	"math"
	"slices"

	"espalier/model"
)

// A LatencyGoal is a budget in time.
type LatencyGoal struct {
	Seconds   float64 // for one image
	Tolerance float64 // how far off the measured network may be, as 0.03
	Runs      int     // of which the median counts
}

// An Attempt is one network of the search for a latency.
type Attempt struct {
	Counts []int // of each group
	Size   Size
	Measured
}

// A Reach is what a budget can come to: the smallest network that the limits
// allow, one in the middle, and the dense one.
type Reach struct {
	Smallest, Middle, Dense Attempt
}

// Reach sizes up the three networks. With a table it measures them, too, and ends
// early with the context's error.
func (c *Channels) Reach(ctx context.Context, l Limits, t *LatencyTable, runs int) (Reach, error) {
	if err := l.check(); err != nil {
		return Reach{}, err
	}
	var r Reach
	var smallest, middle, dense []int
	for _, g := range c.Groups {
		levels := l.levels(g)
		dense, middle, smallest = append(dense, levels[0]), append(middle, levels[len(levels)/2]), append(smallest, levels[len(levels)-1])
	}
	for _, at := range []struct {
		a      *Attempt
		counts []int
	}{{&r.Smallest, smallest}, {&r.Middle, middle}, {&r.Dense, dense}} {
		*at.a = Attempt{Counts: at.counts, Size: c.Size(at.counts)}
		if t == nil {
			continue
		}
		if err := t.attempt(ctx, c, at.a, c.first(at.counts), runs); err != nil {
			return r, err
		}
	}
	return r, nil
}

// first keeps the first channels of each group: speed does not depend on which.
func (c *Channels) first(counts []int) Kept {
	k := c.All()
	for i, n := range counts {
		clear(k[i][n:])
	}
	return k
}

// attempt measures a network with these channels and notes it in the table.
func (t *LatencyTable) attempt(ctx context.Context, c *Channels, a *Attempt, keep Kept, runs int) (err error) {
	if a.Layers, err = t.sum(ctx, c, a.Counts); err != nil {
		return err
	}
	g, err := c.Slice(keep)
	if err != nil {
		return err
	}
	if a.Network, err = t.network(ctx, g, runs); err != nil {
		return err
	}
	t.Networks[form(c.Graph)] = append(t.Networks[form(c.Graph)], a.Measured)
	return nil
}

// full returns a copy without zeros, so that it is computed densely: what
// channels save is asked, not what zeros save.
func full(g *model.Graph) *model.Graph {
	g = g.Clone()
	for _, l := range g.Layers() {
		l.Mask = nil
		for i, w := range l.Weight {
			if w == 0 {
				l.Weight[i] = 1e-3
			}
		}
	}
	return g
}

// The search measures at most maxAttempts networks, and where one comes up again
// it asks the table for others at most nudges times. The first few are found anew
// in the table, each with a corrected sum. Later ones are the best network so far
// with a few channels more or less, because a jump of the measured time that the
// table does not know keeps the corrected sums on its two sides.
const (
	maxAttempts = 12
	anew        = 3
	nudges      = 10
)

// ChooseLatency returns which channels stay so that the network takes the goal's
// time for one image, measured. It chooses by the table, those channels first
// that are worth least for the time that they take, measures the network, corrects
// what it asks of the table, and repeats until the goal is met or nothing comes
// nearer. All attempts are returned, the best one last. Each is shown to see as it
// comes, if see is not nil.
//
// Numbers of channels are rounded to 16 at least, as fewer save no time. The search
// ends early with the context's error.
func (c *Channels) ChooseLatency(ctx context.Context, scores [][]float64, goal LatencyGoal, l Limits, t *LatencyTable, see func(Attempt)) (Kept, []Attempt, error) {
	if !(goal.Seconds > 0) || goal.Runs < 1 || !(goal.Tolerance > 0) {
		return nil, nil, fmt.Errorf("pruning to %v ms: want more than 0, within a tolerance above 0, and 1 run or more", 1e3*goal.Seconds)
	}
	l.RoundTo = max(l.RoundTo, 16)
	if err := l.check(); err != nil {
		return nil, nil, err
	}
	reach, err := c.Reach(ctx, l, t, goal.Runs)
	if err != nil {
		return nil, nil, err
	}
	if goal.Seconds < reach.Smallest.Network*(1-goal.Tolerance) || goal.Seconds > reach.Dense.Network*(1+goal.Tolerance) {
		return nil, nil, outOfReach(goal, reach)
	}
	s := newSearch(c, scores, l)
	var broken error
	cost := func(counts []int) float64 {
		seconds, err := t.sum(ctx, c, counts)
		if err != nil {
			broken = err
		}
		return seconds
	}
	var tried []Attempt
	best, bestAt := -1, []int(nil) // and its levels
	off := func(a Attempt) float64 { return math.Abs(a.Network/goal.Seconds - 1) }
	below, above := reach.Smallest.Measured, reach.Dense.Measured // the goal lies between
	aim := between(below, above, goal.Seconds)
	least, dense := cost(s.smallest()), cost(reach.Dense.Counts)
	for len(tried) < maxAttempts {
		var a Attempt
		var at []int
		if len(tried) >= anew {
			aim = tried[best].Layers + goal.Seconds - tried[best].Network
		}
		for range nudges {
			aim = min(max(aim, least), dense)
			if len(tried) < anew {
				at = s.worth(cost, aim)
			} else {
				at = slices.Clone(bestAt)
			}
			at = s.near(at, cost, aim)
			a.Counts = s.counts(at)
			if !slices.ContainsFunc(tried, func(b Attempt) bool { return slices.Equal(a.Counts, b.Counts) }) {
				a.Size = c.Size(a.Counts)
				break
			}
			// That was not right: ask for a little less or more.
			if tried[len(tried)-1].Network > goal.Seconds {
				aim *= 0.99
			} else {
				aim *= 1.01
			}
		}
		if broken != nil {
			return nil, tried, broken
		}
		if a.Size == (Size{}) {
			break // the table has nothing else near
		}
		err := t.attempt(ctx, c, &a, s.keep(a.Counts), goal.Runs)
		if err == nil && off(a) <= goal.Tolerance { // not by chance
			err = t.attempt(ctx, c, &a, s.keep(a.Counts), goal.Runs)
		}
		if err != nil {
			return nil, tried, err
		}
		tried = append(tried, a)
		if see != nil {
			see(a)
		}
		if best < 0 || off(a) < off(tried[best]) {
			best, bestAt = len(tried)-1, at
		}
		if off(a) <= goal.Tolerance {
			break
		}
		if a.Network < goal.Seconds {
			below = a.Measured
		} else {
			above = a.Measured
		}
		aim = between(below, above, goal.Seconds)
	}
	tried = append(append(tried[:best:best], tried[best+1:]...), tried[best])
	return s.keep(tried[len(tried)-1].Counts), tried, nil
}

// outOfReach says why a goal is out of reach.
func outOfReach(goal LatencyGoal, r Reach) error {
	return fmt.Errorf("pruning to %.3f ms: the smallest network that the limits allow takes %.3f ms and the dense one %.3f ms; ask for a time in between, or lower the floor",
		1e3*goal.Seconds, 1e3*r.Smallest.Network, 1e3*r.Dense.Network)
}

// between returns the sum of layers at which a network is to be expected to take so
// many seconds, on the line through one that takes less and one that takes more.
func between(below, above Measured, seconds float64) float64 {
	share := (seconds - below.Network) / max(above.Network-below.Network, 1e-9)
	return below.Layers + min(max(share, 0.05), 0.95)*(above.Layers-below.Layers)
}

// closeBy is how near to what is asked of the table a choice is left alone.
const closeBy = 0.01

// near moves one group by some levels, or one by a level up and another down,
// whichever brings the cost nearest to the aim, until it is close or no move helps.
func (s *search) near(at []int, cost func(counts []int) float64, aim float64) []int {
	off := math.Abs(cost(s.counts(at)) - aim)
	for off > closeBy*aim {
		best := at
		try := func(moves ...int) { // group, level, group, level …
			moved := slices.Clone(at)
			for i := 0; i < len(moves); i += 2 {
				group, level := moves[i], moves[i+1]
				if level < 0 || level >= len(s.levels[group]) {
					return
				}
				moved[group] = level
			}
			if d := math.Abs(cost(s.counts(moved)) - aim); d < off {
				best, off = moved, d
			}
		}
		for i := range at {
			for by := 1; by <= ahead; by++ {
				try(i, at[i]-by)
				try(i, at[i]+by)
			}
			for j := range i {
				try(i, at[i]-1, j, at[j]+1)
				try(i, at[i]+1, j, at[j]-1)
			}
		}
		if slices.Equal(best, at) {
			break
		}
		at = best
	}
	return at
}

// ahead is how many levels the search looks down: a step that saves nothing, or
// even costs time, may lead to one that saves much. An algorithm may need as many
// channels out as in, or a multiple of 32.
const ahead = 4

// worth takes groups down, those first whose scores are lowest for the time that
// they save, until the cost is low enough. Then it gives back what the cost still
// allows.
func (s *search) worth(cost func(counts []int) float64, most float64) []int {
	if s.perLayer {
		return s.uniform(cost, most)
	}
	at := make([]int, len(s.levels))
	for now := cost(s.counts(at)); now > most; {
		next, level, least, then := -1, 0, 0.0, 0.0
		for i, from := range slices.Clone(at) {
			value := 0.0
			for to := from + 1; to < min(from+1+ahead, len(s.levels[i])); to++ {
				value += s.mean(i, to-1) * float64(s.levels[i][to-1]-s.levels[i][to])
				at[i] = to
				after := cost(s.counts(at))
				if per := value / max(now-after, 1e-9); next < 0 || per < least {
					next, level, least, then = i, to, per, after
				}
			}
			at[i] = from
		}
		if next < 0 {
			break
		}
		at[next], now = level, then
	}
	return s.giveBack(at, cost, most)
}
