package measure

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"

	"espalier/compress/prune"
	"espalier/dataset"
	"espalier/internal/plural"
	"espalier/model"
)

// A Pruning says which channels a network loses, and which weights after that.
type Pruning struct {
	prune.Scoring
	prune.Budget
	prune.Limits
	// Seconds is the time for one image that is asked for, in place of a Budget; 0
	// asks for none. Runs are those of which the median counts; 0 measures no time.
	Seconds float64
	Runs    int
	// Weights is the sparsity of the weights that are left, by magnitude, 0 to
	// below 1.
	Weights float64
	// Table is the file of measured times that the search for a latency reads and
	// writes; empty keeps none. Machine names this machine in it.
	Table, Machine string
	// Images of the training part score channels by Taylor; NormImages estimate batch
	// norm's statistics anew afterwards, 0 none.
	Images, NormImages int
}

// Tolerance is how far a network may be from the time that was asked for.
const Tolerance = 0.03

// A Pruned is what the command prune answers.
type Pruned struct {
	File      string        `json:"file"`
	Criterion string        `json:"criterion"`
	Before    PrunedSize    `json:"before"`
	After     PrunedSize    `json:"after"`
	Smallest  PrunedSize    `json:"smallest"` // that the limits allow
	Middle    PrunedSize    `json:"middle"`
	Groups    []PrunedGroup `json:"groups"`
	// Asked is the time for one image that was asked for, in seconds; 0 none.
	// Attempts are the times that were measured on the way.
	Asked    float64   `json:"asked_seconds,omitempty"`
	Attempts []float64 `json:"attempts,omitempty"`
	Runs     int       `json:"runs,omitempty"`        // of which times are medians
	Norms    int       `json:"norm_images,omitempty"` // that batch norm's statistics were estimated on
	Images   int       `json:"images,omitempty"`      // validation images that accuracies are of
}

// A PrunedSize is a network's.
type PrunedSize struct {
	Channels   int      `json:"channels"` // that can be removed
	MACs       int64    `json:"macs"`
	Parameters int      `json:"parameters"`
	Sparsity   float64  `json:"sparsity"`          // share of weights that are zero
	Seconds    float64  `json:"seconds,omitempty"` // for one image; 0 where nothing was measured
	Top1       *float64 `json:"top1,omitempty"`    // on validation images
}

// A PrunedGroup tells of channels that only go together.
type PrunedGroup struct {
	Name     string   `json:"name"`
	Layers   []string `json:"layers"` // that compute the channels
	Ties     []string `json:"ties"`   // why they go together
	Channels int      `json:"channels"`
	Kept     int      `json:"kept"`
}

// Prune removes channels from the network, and returns the file of the smaller
// one, which has no path yet. Images may be nil where neither the criterion nor
// batch norm needs any. Say is told what is being done.
func (f *File) Prune(ctx context.Context, e *model.Engine, images *dataset.Data, p Pruning, say func(string)) (*File, Pruned, error) {
	r := Pruned{Criterion: p.Criterion, Asked: p.Seconds, Runs: p.Runs}
	if f.Float == nil {
		return nil, r, fmt.Errorf("%s is quantized; prune the file that it was made from", f.Path)
	}
	if images != nil {
		var err error
		if images, err = f.Normalise(images); err != nil {
			return nil, r, err
		}
	}
	c := prune.GroupChannels(f.Float)
	keep := c.All()
	table, err := f.reach(ctx, e, c, p, &r, say)
	if err != nil {
		return nil, r, err
	}
	if p.Seconds > 0 || p.Budget != (prune.Budget{}) {
		scores, err := f.scores(ctx, e, c, images, p, say)
		if err != nil {
			return nil, r, err
		}
		if keep, err = choose(ctx, c, scores, p, table, &r, say); err != nil {
			return nil, r, err
		}
	}
	small, err := c.Slice(keep)
	if err != nil {
		return nil, r, err
	}
	if p.Weights > 0 {
		if err := prune.Magnitude(small, p.Weights, prune.Edges{}); err != nil {
			return nil, r, err
		}
		prune.Bake(small)
	}
	for i, n := range keep.Counts() {
		g := c.Groups[i]
		group := PrunedGroup{Name: g.Name, Layers: g.Layers(), Ties: []string{}, Channels: g.Size, Kept: n}
		for _, t := range g.Ties {
			group.Ties = append(group.Ties, t.Node+" "+t.Why)
		}
		r.Groups = append(r.Groups, group)
	}
	if err := f.after(ctx, e, small, images, p, &r, say); err != nil {
		return nil, r, err
	}
	return &File{Metadata: maps.Clone(f.Metadata), Float: small}, r, nil
}

// scores ranks the network's channels.
func (f *File) scores(ctx context.Context, e *model.Engine, c *prune.Channels, images *dataset.Data, p Pruning, say func(string)) ([][]float64, error) {
	s := p.Scoring
	if s.Criterion == prune.Taylor {
		if images == nil {
			return nil, fmt.Errorf("the criterion %s needs images: give --data", prune.Taylor)
		}
		say(fmt.Sprintf("gradients on %s", plural.Count(p.Images, "image")))
		batches, err := trainingBatches(ctx, images, p.Images, p.Seed)
		if err != nil {
			return nil, err
		}
		s.Gradients, err = prune.Gradients(f.Float, e, batch, batches)
		if err := cmp.Or(ctx.Err(), err); err != nil {
			return nil, err
		}
	}
	return c.Scores(s)
}

// reach sizes up what a budget can come to, and measures it where times are
// asked for.
func (f *File) reach(ctx context.Context, e *model.Engine, c *prune.Channels, p Pruning, r *Pruned, say func(string)) (*prune.LatencyTable, error) {
	var table *prune.LatencyTable
	if p.Runs > 0 {
		table = prune.NewLatencyTable(p.Machine, e)
		if p.Table != "" {
			var err error
			if table, err = prune.ReadLatencyTable(p.Table, p.Machine, e); err != nil {
				return nil, err
			}
		}
		say("measuring the smallest, the middle and the dense network")
	}
	reach, err := c.Reach(ctx, p.limits(), table, p.Runs)
	if table != nil {
		err = errors.Join(err, p.keep(table))
	}
	r.Before, r.Middle, r.Smallest = sizeOf(reach.Dense), sizeOf(reach.Middle), sizeOf(reach.Smallest)
	r.Before.Sparsity = f.sparsity()
	return table, err
}

// choose picks the channels that stay.
func choose(ctx context.Context, c *prune.Channels, scores [][]float64, p Pruning, table *prune.LatencyTable, r *Pruned, say func(string)) (prune.Kept, error) {
	if p.Seconds == 0 {
		return c.Choose(scores, p.Budget, p.Limits)
	}
	goal := prune.LatencyGoal{Seconds: p.Seconds, Tolerance: Tolerance, Runs: p.Runs}
	keep, tried, err := c.ChooseLatency(ctx, scores, goal, p.limits(), table, func(a prune.Attempt) {
		r.Attempts = append(r.Attempts, a.Network)
		say(fmt.Sprintf("asked %.3f ms, measured %.3f ms", 1e3*p.Seconds, 1e3*a.Network))
	})
	if err := errors.Join(err, p.keep(table)); err != nil {
		return nil, err
	}
	r.After.Seconds = tried[len(tried)-1].Network
	return keep, nil
}

// keep writes the table to its file, if there is one: what was measured serves the
// next search, also after a failure.
func (p Pruning) keep(table *prune.LatencyTable) error {
	if p.Table == "" {
		return nil
	}
	return table.Save(p.Table)
}

// limits are those of the search: fewer than 16 channels save no time.
func (p Pruning) limits() prune.Limits {
	l := p.Limits
	if p.Seconds > 0 {
		l.RoundTo = max(l.RoundTo, 16)
	}
	return l
}

func sizeOf(a prune.Attempt) PrunedSize {
	return PrunedSize{Channels: a.Size.Channels, MACs: a.Size.MACs, Parameters: a.Size.Parameters, Seconds: a.Network}
}

// after estimates batch norm's statistics on training images and measures both
// networks on validation images.
func (f *File) after(ctx context.Context, e *model.Engine, small *model.Graph, images *dataset.Data, p Pruning, r *Pruned, say func(string)) error {
	for _, g := range r.Groups {
		r.After.Channels += g.Kept
	}
	r.After.MACs, r.After.Parameters = small.MACs(), small.ParameterCount()
	zero, total := small.Sparsity()
	r.After.Sparsity = float64(zero) / float64(total)
	if p.Runs > 0 && (r.After.Seconds == 0 || zero > 0) {
		var err error
		if r.After.Seconds, err = prune.Latency(ctx, small, e, p.Runs); err != nil {
			return err
		}
	}
	if images == nil {
		return nil
	}
	if p.NormImages > 0 && !small.Fused() {
		r.Norms = min(p.NormImages, images.Train.Len())
		say(fmt.Sprintf("batch norm's statistics on %s", plural.Count(r.Norms, "image")))
		batches, err := trainingBatches(ctx, images, r.Norms, p.Seed)
		if err != nil {
			return err
		}
		err = model.EstimateNorms(small, e, batch, func(yield func([]float32) bool) {
			for x := range batches {
				if !yield(x) {
					return
				}
			}
		})
		if err := cmp.Or(ctx.Err(), err); err != nil {
			return err
		}
	}
	if r.Images = images.Validation.Len(); r.Images == 0 {
		return ctx.Err()
	}
	for _, n := range []struct {
		g    *model.Graph
		size *PrunedSize
		what string
	}{{f.Float, &r.Before, "before"}, {small, &r.After, "after"}} {
		say("accuracy " + n.what)
		tally, err := (&File{Path: f.Path, Float: n.g}).Tally(ctx, e, images, images.Validation)
		if err != nil {
			return err
		}
		top1 := tally.Top1()
		n.size.Top1 = &top1
	}
	return nil
}

// trainingBatches yields batches of so many training images, chosen by the seed.
// It ends early when the context does.
func trainingBatches(ctx context.Context, d *dataset.Data, images int, seed uint64) (iter.Seq2[[]float32, []uint16], error) {
	only, err := d.Calibration(dataset.Train, min(images, d.Train.Len()), 1, seed)
	if err != nil {
		return nil, err
	}
	return func(yield func([]float32, []uint16) bool) {
		for x, labels := range d.NewLoader(d.Train, dataset.LoaderOptions{Batch: batch, Only: only}).Epoch(0) {
			if ctx.Err() != nil || !yield(x, labels) {
				return
			}
		}
	}, nil
}
