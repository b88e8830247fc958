package measure

import (
	"context"
	"fmt"

	"espalier/compress/quantize"
	"espalier/dataset"
	"espalier/internal/finite"
	"espalier/internal/plural"
	"espalier/model"
)

// batch is how many images are evaluated at a time.
const batch = 250

// A Result is what was measured of a network. Its JSON form is that of the
// command evaluate.
type Result struct {
	Top1      float64       `json:"top1"` // share of images classified right
	Correct   int           `json:"correct"`
	Total     int           `json:"total"`
	NotFinite int           `json:"not_finite"` // images with a logit that is NaN or infinite; they count as wrong
	Loss      finite.OrNull `json:"loss"`       // mean cross-entropy, in nats
	Sparsity  float64       `json:"sparsity"`   // share of convolution and linear weights that are zero; of codes in a quantized network
	Dataset   string        `json:"dataset"`
	Note      string        `json:"note,omitempty"` // what must be said about the images, as "JPEG copy"
	Against   *Distance     `json:"against,omitempty"`
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
	loss := "not finite"
	if finite.Is(r.Loss) {
		loss = fmt.Sprintf("%.4f", r.Loss)
	}
	text := fmt.Sprintf("top-1 %.2f %%, %d right of %s; loss %s, sparsity %.2f %%",
		100*r.Top1, r.Correct, r.Images(), loss, 100*r.Sparsity)
	if r.NotFinite > 0 {
		text += "; " + r.broken()
	}
	if r.Against != nil {
		text += "; " + r.Against.String()
	}
	return text
}

// broken says for how many images the network's logits are not finite.
func (r Result) broken() string {
	return fmt.Sprintf("the logits of %d of %s are not finite", r.NotFinite, plural.Count(r.Total, "image"))
}

// evaluator returns an evaluator of the network's logits.
func (f *File) evaluator(e *model.Engine) interface{ Logits(logits, x []float32) } {
	if f.Float != nil {
		return model.NewEvaluator(f.Float, e, batch)
	}
	return quantize.NewEvaluator(f.Integer, e)
}

// Tally counts the network's answers over a part of d. It ends early with the
// context's error.
func (f *File) Tally(ctx context.Context, e *model.Engine, d *dataset.Data, split *dataset.Split) (tally model.Tally, err error) {
	images, err := f.Normalise(d)
	if err != nil {
		return tally, err
	}
	run := f.evaluator(e)
	classes := f.network().Classes()
	logits := make([]float32, batch*classes)
	for x, labels := range images.NewLoader(split, dataset.LoaderOptions{Batch: batch}).Epoch(0) {
		if err := ctx.Err(); err != nil {
			return tally, err
		}
		run.Logits(logits[:len(labels)*classes], x)
		tally.Add(logits[:len(labels)*classes], labels, classes)
	}
	return tally, nil
}

// Evaluate runs the network over the test part of d. It ends early with the
// context's error.
func (f *File) Evaluate(ctx context.Context, e *model.Engine, d *dataset.Data) (Result, error) {
	if d.Test.Len() == 0 {
		return Result{}, fmt.Errorf("evaluating %s: %s holds no test images", f.Path, d.Source)
	}
	tally, err := f.Tally(ctx, e, d, d.Test)
	if err != nil {
		return Result{}, err
	}
	return Result{
		Top1: tally.Top1(), Correct: tally.Correct, Total: tally.Total,
		NotFinite: tally.NotFinite, Loss: finite.OrNull(tally.Loss()),
		Sparsity: f.sparsity(), Dataset: d.Name, Note: d.Note,
	}, nil
}
