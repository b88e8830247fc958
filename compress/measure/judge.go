package measure

import (
	"context"
	"fmt"

	"espalier/compress/quantize"
	"espalier/dataset"
	"espalier/model"
)

// judgeImages is how many training images networks are compared on: none of those
// that calibrate, and none of the test part.
const judgeImages = 1000

// A judge measures networks of mixed precision, or repaired ones, on the same images.
type judge struct {
	ctx    context.Context
	engine *model.Engine
	x      []float32 // [n][c][h][w]
	labels []uint16
}

func newJudge(ctx context.Context, e *model.Engine, d *dataset.Data, c Calibration) (*judge, error) {
	count := min(judgeImages, d.Train.Len()-c.Images)
	if count < 1 {
		return nil, fmt.Errorf("all %d training images calibrate, and none is left to measure networks on: calibrate on fewer with --images", d.Train.Len())
	}
	order, err := d.Calibration(dataset.Train, c.Images+count, 1, c.Seed) // as calibrationImages, and on
	if err != nil {
		return nil, err
	}
	j := &judge{ctx: ctx, engine: e, x: make([]float32, count*d.Shape.Len()), labels: make([]uint16, count)}
	loader := d.NewLoader(d.Train, dataset.LoaderOptions{Batch: 1, Only: order[c.Images:]})
	size := d.Shape.Len()
	for i := range count {
		loader.Load(0, i, j.x[i*size:(i+1)*size], j.labels[i:i+1])
	}
	return j, nil
}

// measure returns a network's loss and top-1.
func (j *judge) measure(n *quantize.Network) (quantize.Measurement, error) {
	logits := make([]float32, len(j.labels)*n.Classes())
	quantize.NewEvaluator(n, j.engine).Logits(logits, j.x)
	var t model.Tally
	t.Add(logits, j.labels, n.Classes())
	return quantize.Measurement{Loss: t.Loss(), Top1: t.Top1()}, j.ctx.Err()
}
