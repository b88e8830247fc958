package search

import (
	"fmt"
	"time"

	"espalier/compress/cost"
	"espalier/compress/measure"
	"espalier/compress/quantize"
	"espalier/model/weights"
)

// judgeTime is what each measurement of a candidate's speed may take, and
// judgePatience what one batch of 128 may.
const (
	judgeTime     = 300 * time.Millisecond
	judgePatience = 5 * time.Second
)

// judge measures a candidate: accuracy on validation images, time and size. A
// network that was measured before, known by its content, is not measured again.
func (s *searcher) judge(c *Candidate) error {
	key, err := contentOf(c.file)
	if err != nil {
		return err
	}
	if known, ok := s.measured[key]; ok {
		known.Name, known.file = c.Name, c.file
		*c = known
		return nil
	}
	if c.like != nil {
		known := *c.like
		known.Name, known.file, known.like = c.Name, c.file, nil
		*c = known
	}
	tally, err := c.file.Tally(s.ctx, s.engine, s.data, s.data.Validation)
	if err != nil {
		return err
	}
	if tally.NotFinite > 0 {
		return fmt.Errorf("its logits are not finite for %d of %d validation images", tally.NotFinite, tally.Total)
	}
	c.Top1 = tally.Top1()
	if c.Form == "" {
		if err := s.cost(c); err != nil {
			return err
		}
	}
	if len(s.outcome.Candidates) > 0 {
		c.Drop = s.outcome.Candidates[0].Top1 - c.Top1
	}
	s.measured[key] = *c
	return nil
}

// cost measures a candidate's time and size.
func (s *searcher) cost(c *Candidate) error {
	n := cost.Network{Float: c.file.Float, Integer: c.file.Integer, Metadata: c.file.Metadata}
	report, err := cost.Measure(s.ctx, n, cost.Options{
		Kernels: s.engine.Kernels, Algorithm: s.engine.Algorithm, Threads: s.engine.Threads(),
		Time: judgeTime, Patience: judgePatience, NoInteger: true,
	})
	if err != nil {
		return err
	}
	c.Bytes = report.Bytes.Sparse
	if report.Weights > 0 {
		c.Sparsity = 1 - float64(report.NonZero)/float64(report.Weights)
	}
	for _, form := range []string{cost.Float, cost.Sparse, cost.Integer} {
		one, ok := report.Speed(form, 1, 1)
		if !ok || c.Form != "" && one.Seconds >= c.Speed.Seconds {
			continue
		}
		c.Form, c.Speed, c.Batch = form, one, 0
		if all, ok := report.Speed(form, cost.Batch, 0); ok {
			c.Batch = all.Images()
		}
	}
	return nil
}

// contentOf names a network by its tensors, and nothing else.
func contentOf(f *measure.File) (string, error) {
	if f.Float != nil {
		return weights.Hash(weights.FromNetwork(f.Float)), nil
	}
	tensors, _, err := quantize.Tensors(f.Integer, nil)
	return weights.Hash(tensors), err
}

// keeps reports whether a candidate keeps the bar. Shares of images are not exact
// in binary.
func (s *searcher) keeps(c *Candidate) bool { return c.Drop <= s.MaxDrop+1e-9 }

// compare says whether a candidate is better than the best so far, and why.
func (s *searcher) compare(c, best *Candidate) (better bool, why string) {
	if !s.keeps(c) {
		return false, fmt.Sprintf("rejected: it loses %.2f points, more than %.2f", 100*c.Drop, 100*s.MaxDrop)
	}
	if s.For == Size {
		if c.Bytes < best.Bytes {
			return true, fmt.Sprintf("the smallest so far: %.1f kB instead of %.1f", float64(c.Bytes)/1e3, float64(best.Bytes)/1e3)
		}
		return false, fmt.Sprintf("keeps the bar and is not smaller than %s", best.Name)
	}
	switch {
	case best.Speed.Slower(c.Speed):
		return true, fmt.Sprintf("the fastest so far: %.3g ms instead of %.3g", 1e3*c.Speed.Seconds, 1e3*best.Speed.Seconds)
	case c.Speed.Slower(best.Speed):
		what := "it"
		if c.Form == cost.Integer {
			what = "int8"
		}
		return false, fmt.Sprintf("rejected: %s is slower than %s here, %.3g ms and %.3g", what, best.Name, 1e3*c.Speed.Seconds, 1e3*best.Speed.Seconds)
	case c.Top1 > best.Top1 && best.file != nil && s.outcome.Best > 0:
		return true, fmt.Sprintf("as fast as %s within the noise, and more accurate", best.Name)
	}
	return false, fmt.Sprintf("keeps the bar and is not faster than %s beyond the noise", best.Name)
}
