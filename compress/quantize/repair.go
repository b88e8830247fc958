package quantize

import (
	"fmt"
	"slices"
	"strings"

	"espalier/model"
)

// Names of repairs, in the order in which they are tried: what lets ranges fit
// first, then how weights are rounded, then the means that rounding has moved.
const (
	Equalisation       = "equalise"
	AdaptiveRounding   = "adaround"
	BiasCorrection     = "bias"
	AnalyticCorrection = "bias-analytical"
)

// NoRepair is the name of the network as it was, in a list of what was tried.
const NoRepair = "none"

// AllRepairs tries all repairs.
const AllRepairs = "auto"

// Repairs returns the names of all repairs.
func Repairs() []string {
	return []string{Equalisation, AdaptiveRounding, BiasCorrection, AnalyticCorrection}
}

// RepairsNamed returns the repairs in a list as "equalise,bias", or all for "auto".
func RepairsNamed(list string) ([]string, error) {
	if list == AllRepairs {
		return Repairs(), nil
	}
	names := strings.Split(list, ",")
	for _, name := range names {
		if !slices.Contains(Repairs(), name) {
			return nil, fmt.Errorf("repair %q is unknown; choose %s, or some of %s with commas between", name, AllRepairs, strings.Join(Repairs(), ", "))
		}
	}
	return slices.DeleteFunc(Repairs(), func(name string) bool { return !slices.Contains(names, name) }), nil
}

// A Repairer tries repairs one after the other and keeps those that help on images
// that it was given for that.
type Repairer struct {
	Recipe   Recipe
	Observer string
	Engine   *model.Engine
	Images   Images // to calibrate on, and to repair with
	Count    int    // of them
	// Judge evaluates a network on images held out of calibration, and none of the
	// test split.
	Judge func(*Network) (Measurement, error)
	// Tried, unless nil, is told of each repair as it was tried.
	Tried func(Repaired)
	// Between is called before each layer that is repaired on images; an error from
	// it, as of an interruption, ends Repair.
	Between func() error
}

// A Repaired is what a repair did.
type Repaired struct {
	Name string `json:"name"` // of the repair; "none" of the network as it was
	Did  string `json:"did"`  // in words: "scaled 21 pairs of layers"
	Kept bool   `json:"kept"`
	// Measurement is that of the held-out images, with the repairs kept before and
	// this one.
	Measurement
}

// repairImages is how many images, the first of those to calibrate on, layers are
// repaired with.
const repairImages = 32

// Repair quantizes g and tries repairs by name. A repair is kept if the loss on the
// held-out images falls and their top-1 does not. It returns the network and
// all that it tried, the network without repair first.
func (r *Repairer) Repair(g *model.Graph, names []string) (*Network, []Repaired, error) {
	n, err := r.build(g)
	if err != nil {
		return nil, nil, err
	}
	best, err := r.Judge(n)
	if err != nil {
		return nil, nil, err
	}
	var all []Repaired
	tell := func(d Repaired) {
		all = append(all, d)
		if r.Tried != nil {
			r.Tried(d)
		}
	}
	tell(Repaired{Name: NoRepair, Kept: true, Measurement: best})
	for _, name := range names {
		if name == AnalyticCorrection && slices.ContainsFunc(all, func(d Repaired) bool { return d.Kept && d.Name == BiasCorrection }) {
			continue // the means are right already
		}
		changed, graph, did, err := r.try(name, n, g)
		if err != nil {
			return nil, nil, err
		}
		d := Repaired{Name: name, Did: did, Measurement: best}
		if changed != nil {
			if d.Measurement, err = r.Judge(changed); err != nil {
				return nil, nil, err
			}
			d.Kept = d.Top1 >= best.Top1 && d.Loss < best.Loss
		}
		if d.Kept {
			n, g, best = changed, graph, d.Measurement
		}
		tell(d)
	}
	return n, all, nil
}

// build calibrates and quantizes.
func (r *Repairer) build(g *model.Graph) (n *Network, err error) {
	v := model.NewEvaluator(g, r.Engine, CalibrationBatch)
	err = Calibrate(v, r.Engine, r.Recipe.Observers(g), []string{r.Observer}, r.Images, []int{r.Count}, func(c *Calibration) (err error) {
		n, err = Build(g, c, r.Recipe)
		return err
	})
	return n, err
}

// try applies a repair to a copy of n, which was made of g. It returns no network
// where there is nothing to repair.
func (r *Repairer) try(name string, n *Network, g *model.Graph) (changed *Network, graph *model.Graph, did string, err error) {
	if name == Equalisation {
		graph, pairs, absorbed := equalise(g)
		if pairs == 0 {
			return nil, nil, "found no pair of layers", nil
		}
		changed, err = r.build(graph)
		return changed, graph, fmt.Sprintf("scaled channels between %d pairs of layers, absorbed %d biases", pairs, absorbed), err
	}
	x, err := r.Images(0, min(repairImages, r.Count))
	if err != nil {
		return nil, nil, "", err
	}
	x = slices.Clone(x)
	c := n.clone()
	v := model.NewEvaluator(g, r.Engine, repairImages)
	switch name {
	case AdaptiveRounding:
		errors, err := adaRound(c, g, v, r.Engine, x, r.Between)
		if err != nil {
			return nil, nil, "", err
		}
		share := 0.0
		for _, e := range errors {
			if e.Before > 0 {
				share += e.After / e.Before / float64(len(errors))
			}
		}
		return c, g, fmt.Sprintf("left %.0f %% of the mean layer's squared error", 100*share), nil
	case BiasCorrection:
		shifts, err := correctBiases(c, g, v, r.Engine, x, r.Between)
		return c, g, shifted(shifts), err
	case AnalyticCorrection:
		shifts := correctBiasesAnalytically(c, g)
		if len(shifts) == 0 {
			return nil, nil, "found no layer behind batch norm", nil
		}
		return c, g, shifted(shifts), nil
	}
	panic("quantize: no such repair " + name)
}

// shifted tells the largest of the layers' shifts.
func shifted(all []biasShift) string {
	var most biasShift
	for _, s := range all {
		if s.Mean >= most.Mean {
			most = s
		}
	}
	return fmt.Sprintf("moved the biases of %d layers, of %s most: by %.3g", len(all), most.Layer, most.Mean)
}

// clone returns a copy whose codes and biases can be changed.
func (n *Network) clone() *Network {
	c := *n
	c.Nodes = nil
	of := map[*Node]*Node{}
	for _, m := range n.Nodes {
		w := *m
		w.Inputs = nil
		for _, in := range m.Inputs {
			w.Inputs = append(w.Inputs, of[in])
		}
		w.Weight, w.Bias = slices.Clone(m.Weight), slices.Clone(m.Bias)
		of[m] = &w
		c.Nodes = append(c.Nodes, &w)
	}
	return &c
}
