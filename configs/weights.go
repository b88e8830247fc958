package configs

import (
	"fmt"
	"strconv"
	"strings"
)

// Weights makes single weights zero. The first convolution and the classifier
// have targets of their own; see Prune.
type Weights struct {
	// Target is the sparsity of the ranked weights, in (0, 1). A Shape of N:M has
	// its own.
	Target    float64 `yaml:"target"`
	Criterion string  `yaml:"criterion,omitempty"` // one of Criteria; empty is magnitude
	// Scope spreads the target over the layers: one of Scopes, empty is global.
	Scope string `yaml:"scope,omitempty"`
	// Shape prunes weights together: N:M keeps N of every M along the input
	// channels, RxC takes blocks of R output by C input channels. Empty takes single
	// weights.
	Shape string `yaml:"shape,omitempty"`
	// Floor is the share of its weights that every layer keeps at least.
	Floor float64 `yaml:"floor"`
	// Schedule prunes while the round trains: Cubic or Regrowth. Empty prunes before.
	Schedule string `yaml:"schedule,omitempty"`
	// Every is how many steps pass between two changes of the masks, and Until the
	// share of the training after which they stay; 0 means 100 steps and 0.75.
	Every int     `yaml:"every,omitempty"`
	Until float64 `yaml:"until,omitempty"`
	// Regrow is the share of each layer's weights that Regrowth exchanges at first;
	// 0 is 0.3.
	Regrow float64 `yaml:"regrow,omitempty"`
}

// The ways to prune while training.
const (
	// Cubic raises the sparsity from what it is to the target, steeply at first
	// (Zhu and Gupta 2017, arXiv 1710.01878, eq. 1).
	Cubic = "cubic"
	// Regrowth prunes at once, and then exchanges the smallest weights of every layer
	// for others, fewer and fewer (RigL, Evci et al. 2020, arXiv 1911.11134).
	Regrowth = "regrow"
)

// Movement is the criterion that is measured while a round trains.
const Movement = "movement"

// BySensitivity is the scope that spreads a target by measured sensitivities.
const BySensitivity = "sensitivity"

// Criteria returns the names of what can rank weights.
func Criteria() []string {
	return []string{"magnitude", "normalised", "lamp", "taylor", Movement, "random"}
}

// Scopes returns the names of the ways to spread a target over layers.
func Scopes() []string { return []string{"global", "layer", "erk", BySensitivity} }

// String tells the pruning in words, as "90 % of the weights by lamp, erk".
func (w Weights) String() string {
	text := fmt.Sprintf("%.4g %% of the weights", 100*w.Target)
	if w.Criterion != "" {
		text += " by " + w.Criterion
	}
	for _, option := range []string{w.Scope, w.Shape, w.Schedule} {
		if option != "" {
			text += ", " + option
		}
	}
	return text
}

// defaultFloor keeps layers alive and costs nothing else.
const defaultFloor = 0.01

// complete fills in the floor and what follows from others.
func (w *Weights) complete(places map[string]string, key string) {
	if places[key+".floor"] == "" {
		w.Floor = defaultFloor
	}
	if n, m, ok := w.pattern(); ok && places[key+".target"] == "" {
		w.Target = 1 - float64(n)/float64(m)
	}
	if w.Schedule != "" && w.Every == 0 {
		w.Every = 100
	}
	if w.Schedule != "" && w.Until == 0 {
		w.Until = 0.75
	}
	if w.Schedule == Regrowth && w.Regrow == 0 {
		w.Regrow = 0.3
	}
}

// pattern returns the numbers of a shape N:M.
func (w Weights) pattern() (n, m int, ok bool) {
	first, second, found := strings.Cut(w.Shape, ":")
	n, err := strconv.Atoi(first)
	m, failed := strconv.Atoi(second)
	return n, m, found && err == nil && failed == nil && n > 0 && n < m && m <= 64
}

// block reports whether the shape is of blocks, RxC.
func (w Weights) block() bool {
	first, second, found := strings.Cut(w.Shape, "x")
	rows, err := strconv.Atoi(first)
	cols, failed := strconv.Atoi(second)
	return found && err == nil && failed == nil && rows > 0 && cols > 0 && rows <= 64 && cols <= 64
}

func (w Weights) check(key string) *ValueError {
	if !(w.Target > 0 && w.Target < 1) {
		return bad(key+".target", "is %v: want a fraction between 0 and 1, as 0.9 for 90 %%", w.Target)
	}
	if w.Criterion != "" {
		if err := oneOf(key+".criterion", w.Criterion, Criteria()...); err != nil {
			return err
		}
	}
	if w.Scope != "" {
		if err := oneOf(key+".scope", w.Scope, Scopes()...); err != nil {
			return err
		}
	}
	n, m, pattern := w.pattern()
	switch {
	case w.Shape != "" && !pattern && !w.block():
		return bad(key+".shape", `is %q: want kept weights as "2:4" or "1:4", or blocks as 1x4, 4x1 or 16x1`, w.Shape)
	case pattern && w.Target != 1-float64(n)/float64(m):
		return bad(key+".target", "is %v, and the shape %s has %v: leave one of them out", w.Target, w.Shape, 1-float64(n)/float64(m))
	case pattern && (w.Schedule != "" || w.Scope != ""):
		return bad(key+".shape", "is %s, which is pruned at once and in every layer alike: leave out schedule and scope", w.Shape)
	}
	if !(w.Floor >= 0 && w.Floor < 1) {
		return bad(key+".floor", "is %v: want 0 or more and less than 1, as 0.01", w.Floor)
	}
	if w.Schedule != "" {
		if err := oneOf(key+".schedule", w.Schedule, Cubic, Regrowth); err != nil {
			return err
		}
	}
	switch {
	case w.Criterion == Movement && w.Schedule != Cubic:
		return bad(key+".criterion", "is %s, which is measured while training: set schedule to %s", Movement, Cubic)
	case w.Schedule == Regrowth && w.Shape != "":
		return bad(key+".shape", "is %s: %s exchanges single weights, leave the shape out", w.Shape, Regrowth)
	case w.Every < 0:
		return bad(key+".every", "is %d: want 1 step or more", w.Every)
	case !(w.Until >= 0 && w.Until <= 1):
		return bad(key+".until", "is %v: want a share of the training from 0 to 1", w.Until)
	case !(w.Regrow >= 0 && w.Regrow <= 1):
		return bad(key+".regrow", "is %v: want a share of a layer's weights from 0 to 1", w.Regrow)
	}
	return nil
}
