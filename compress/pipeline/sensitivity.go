package pipeline

import (
	"time"

	"espalier/compress/prune"
	"espalier/dataset"
	"espalier/internal/finite"
	"espalier/model"
)

const (
	// SensitivityImages is the number of images that sensitivity is measured on:
	// the first ones of the split, or all if it has fewer.
	SensitivityImages = 512
	// sensitivityShare is the share of a layer's remaining weights that is zeroed.
	sensitivityShare = 0.5
)

// sensitivity measures how much the network needs each of its layers: one layer
// at a time loses the smaller half of the weights it has left, without
// retraining, and the network is evaluated. This scan of one layer after the
// other is that of Han et al. 2015 ("Learning both Weights and Connections for
// Efficient Neural Networks", figure 6) and Li et al. 2017
// ("Pruning Filters for Efficient ConvNets", section 3.2, there with filters).
//
// It works on a copy of the network, so that the run goes on bit for bit as
// without it.
func (r *runner) sensitivity() error {
	began := time.Now()
	net := r.net.Clone()
	layers := net.Layers()
	// After the first Progress the only error is the end of the run.
	smallest := make([][]int, len(layers))
	for i, l := range layers {
		var err error
		if smallest[i], err = prune.Smallest(l, sensitivityShare); err != nil {
			return err
		}
	}
	part := r.watchPart()
	split, err := r.data.Part(part)
	if err != nil {
		return err
	}
	m := r.newProbe(net, split, SensitivityImages)
	s := Sensitivity{
		Round: r.round, GlobalStep: r.steps, Share: sensitivityShare, Split: string(part), Images: len(m.labels),
	}
	whole, err := m.measure()
	if err != nil {
		return err
	}
	s.Loss, s.Top1 = finite.OrNull(whole.Loss()), whole.Top1()
	for i, l := range layers {
		r.scanned(i, len(layers))
		own := r.net.Node(l.Name).Weight
		for _, k := range smallest[i] {
			l.Weight[k] = 0
		}
		t, err := m.measure()
		if err != nil {
			return err
		}
		copy(l.Weight, own)
		s.Layers = append(s.Layers, LayerSensitivity{Name: l.Name, Loss: finite.OrNull(t.Loss()), Top1: t.Top1()})
	}
	r.scanned(len(layers), len(layers))
	s.Seconds = time.Since(began).Seconds()
	r.hub.Publish(s)
	return nil
}

// scanned publishes how many layers of a scan are done.
func (r *runner) scanned(done, total int) {
	r.hub.Publish(Progress{
		Stage: StageSensitivity, Round: r.round, Done: done, Total: total, Unit: "layers", Asked: true,
		Overall: r.estimate.overall(), Remaining: r.estimate.remaining(),
	})
}

// A probe evaluates one network again and again on the same images.
type probe struct {
	r      *runner
	eval   *model.Evaluator
	x      []float32 // [images][channels][height][width]
	labels []uint16
	logits []float32 // [evaluationBatch][classes]
}

// newProbe evaluates a network on the first images of a split.
func (r *runner) newProbe(net *model.Graph, split *dataset.Split, images int) *probe {
	n := min(images, split.Len())
	m := &probe{
		r: r, eval: model.NewEvaluator(net, r.engine, evaluationBatch),
		x: make([]float32, n*split.Shape.Len()), labels: make([]uint16, n),
		logits: make([]float32, evaluationBatch*net.Classes()),
	}
	only := make([]int32, n)
	for i := range only {
		only[i] = int32(i)
	}
	r.data.NewLoader(split, dataset.LoaderOptions{Batch: n, Only: only}).Load(0, 0, m.x, m.labels)
	return m
}

// measure evaluates the network with its present weights.
func (m *probe) measure() (model.Tally, error) {
	m.eval.Reload()
	classes := m.eval.Classes()
	var t model.Tally
	for first := 0; first < len(m.labels); first += evaluationBatch {
		if err := m.r.breathe(); err != nil {
			return t, err
		}
		n := min(evaluationBatch, len(m.labels)-first)
		logits := m.logits[:n*classes]
		size := len(m.x) / len(m.labels)
		m.eval.Logits(logits, m.x[first*size:(first+n)*size])
		t.Add(logits, m.labels[first:first+n], classes)
	}
	return t, nil
}
