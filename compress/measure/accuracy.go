package measure

import (
	"context"
	"fmt"

	"espalier/compress/prune"
	"espalier/dataset"
	"espalier/model"
)

// batch is how many images are evaluated at a time.
const batch = 250

// A Result is what was measured of a network. Its JSON form is that of the
// command evaluate.
type Result struct {
	Top1     float64 `json:"top1"` // share of images classified right
	Correct  int     `json:"correct"`
	Total    int     `json:"total"`
	Loss     float64 `json:"loss"`     // mean cross-entropy, in nats
	Sparsity float64 `json:"sparsity"` // share of convolution and linear weights that are zero
	Dataset  string  `json:"dataset"`
	Note     string  `json:"note,omitempty"` // what must be said about the images, as "JPEG copy"
}

// Images names the images that the result was measured on.
func (r Result) Images() string {
	if r.Note != "" {
		return fmt.Sprintf("%d test images of %s (%s)", r.Total, r.Dataset, r.Note)
	}
	return fmt.Sprintf("%d test images of %s", r.Total, r.Dataset)
}

// String puts the result into a line.
func (r Result) String() string {
	return fmt.Sprintf("top-1 %.2f %%, %d right of %s; loss %.4f, sparsity %.2f %%",
		100*r.Top1, r.Correct, r.Images(), r.Loss, 100*r.Sparsity)
}

// Evaluate runs the network over the test part of d. Progress, if not nil, is
// told after every batch how many images are done. It ends early with the
// context's error.
func (f *File) Evaluate(ctx context.Context, e *model.Engine, d *dataset.Data, progress func(done, total int)) (Result, error) {
	if d.Test.Len() == 0 {
		return Result{}, fmt.Errorf("evaluating %s: %s holds no test images", f.Path, d.Source)
	}
	if f.Network.Arch.Classes != len(d.Classes) {
		return Result{}, fmt.Errorf("evaluating %s: the network tells %d classes apart and %s has %d; choose another data set with --dataset", f.Path, f.Network.Arch.Classes, d.Name, len(d.Classes))
	}
	images := *d
	images.Mean, images.Std = f.Network.Mean, f.Network.Std
	v := model.NewEvaluator(f.Network, e, batch)
	classes := v.Classes()
	logits := make([]float32, batch*classes)
	var tally model.Tally
	for x, labels := range images.NewLoader(d.Test, dataset.LoaderOptions{Batch: batch}).Epoch(0) {
		if err := ctx.Err(); err != nil {
			return Result{}, err
		}
		v.Logits(logits[:len(labels)*classes], x)
		tally.Add(logits[:len(labels)*classes], labels, classes)
		if progress != nil {
			progress(tally.Total, d.Test.Len())
		}
	}
	return Result{
		Top1: tally.Top1(), Correct: tally.Correct, Total: tally.Total, Loss: tally.Loss(),
		Sparsity: prune.Measure(f.Network).Share(), Dataset: d.Name, Note: d.Note,
	}, nil
}
