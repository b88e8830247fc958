package model

import (
	"fmt"
	"strings"

	"espalier/internal/plural"
)

// Plan describes how a step is computed: the regions with their steps, in the
// order in which they run, and the memory of every map.
func (t *Trainer) Plan() string {
	var s strings.Builder
	p := t.plan
	var batch, worker int
	for _, space := range p.spaces {
		batch, worker = batch+space.batch, worker+space.group
	}
	fmt.Fprintf(&s, "a training step on %d images of %s: %d regions\n", t.batch, t.graph.Name, len(p.regions))
	fmt.Fprintf(&s, "memory: %s in all, %s of maps for the batch, %s of maps for each of %d workers\n",
		megabytes(t.Bytes()), megabytes(4*int64(batch)), megabytes(4*int64(worker)), len(t.workers))
	for i, r := range p.regions {
		fmt.Fprintf(&s, "\nregion %d, %s at a time\n", i, plural.Count(r.group, "image"))
		for _, step := range r.steps {
			fmt.Fprintf(&s, "  %s\n", step.what)
		}
		for _, b := range r.statistics {
			fmt.Fprintf(&s, "  then the statistics of %s\n", b.node.Name)
		}
		if r.loss {
			s.WriteString("  then the batch's loss\n")
		}
		for _, b := range r.gradients {
			fmt.Fprintf(&s, "  then the gradients of %s\n", b.node.Name)
		}
	}
	s.WriteString("\nthen every weight takes its step\n\nmaps\n")
	for _, b := range p.buffers {
		where, images := "batch", t.batch
		if b.local() {
			where, images = "worker", p.regions[b.from].group
		}
		regions := fmt.Sprintf("region %d", b.from)
		if !b.local() {
			regions = fmt.Sprintf("regions %d to %d", b.from, b.to)
		}
		fmt.Fprintf(&s, "  %-40s %-12v %-6s %9s  %s\n", b.what, b.m, where, megabytes(4*int64(images*b.size)), regions)
	}
	return s.String()
}

func megabytes(bytes int64) string { return fmt.Sprintf("%.2f MB", float64(bytes)/1e6) }
