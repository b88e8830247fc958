package pipeline

import (
	"errors"
	"fmt"
	"time"

	"espalier/compress/prune"
	"espalier/compress/quantize"
	"espalier/configs"
	"espalier/dataset"
	"espalier/internal/finite"
)

// qatCheckpoint is where a width's trained network is kept: in float32, with what
// its weights and values are rounded to.
func qatCheckpoint(width string) string {
	return fmt.Sprintf("checkpoints/qat-%s.safetensors", width)
}

// trainQuantized trains the network for each width in turn, rounded as the network
// in integers will be. Each begins with the weights of the one before it. Batch norm
// is frozen after a share of the steps; pruned weights stay zero.
func (r *runner) trainQuantized() error {
	widths := r.e.QAT.Widths
	for i := range widths {
		if i < r.past.qat {
			continue
		}
		if err := r.trainWidth(i+1, widths[i]); err != nil {
			return err
		}
	}
	return nil
}

// trainWidth trains for one width, the stage's number i.
func (r *runner) trainWidth(i int, width string) error {
	var done func()
	if r.past.step != nil {
		done = r.reenter(StageQAT, i)
	} else {
		if err := r.prepareWidth(width); err != nil {
			return err
		}
		done = r.begin(StageQAT, i, width)
	}
	settings := r.e.QAT.Train
	t, err := r.plan(StageQAT, i, settings, settings.Epochs[0])
	if err != nil {
		return err
	}
	t.frozen = int(r.e.QAT.Freeze * float64(t.steps))
	if err := r.restore(t); err != nil {
		return err
	}
	if err := r.train(t); err != nil && !errors.Is(err, errSkipped) {
		return err
	}
	if err := r.measureWidth(width); err != nil {
		return err
	}
	if err := r.saveNetwork("checkpoint", qatCheckpoint(width), map[string]string{"stage": StageQAT, "width": width}); err != nil {
		return err
	}
	done()
	return nil
}

// prepareWidth calibrates the network and rounds it for a width. Zeros are held.
func (r *runner) prepareWidth(width string) error {
	r.become(quantize.Unprepared(r.net))
	prune.Hold(r.net)
	weights, activations, err := configs.ParseWidth(width)
	if err != nil {
		return err
	}
	ends := r.e.QAT.FirstLast
	recipe, err := r.recipe.WithWidths(quantize.Spread(r.net,
		quantize.Width{Weights: weights, Activations: activations}, quantize.Width{Weights: ends, Activations: ends}))
	if err != nil {
		return err
	}
	c, err := r.calibrate()
	if err != nil {
		return err
	}
	prepared, err := quantize.Prepare(r.net, c, recipe, r.e.QAT.Learned)
	if err != nil {
		return err
	}
	r.become(prepared)
	return nil
}

// measureWidth measures the network in integers that the present one stands for.
func (r *runner) measureWidth(width string) error {
	net, err := quantize.Convert(r.net, r.recipe)
	if err != nil {
		return err
	}
	for _, part := range []dataset.Part{dataset.Validation, dataset.Test} {
		split, err := r.data.Part(part)
		if err != nil || split.Len() == 0 {
			continue
		}
		began := time.Now()
		t, err := r.tallyInteger(net, split)
		if err != nil {
			return err
		}
		r.hub.Publish(Evaluated{
			What: width, Round: r.round, Split: string(part), Top1: t.Top1(), Correct: t.Correct, Total: t.Total,
			NotFinite: t.NotFinite, Loss: finite.OrNull(t.Loss()), Seconds: time.Since(began).Seconds(),
		})
	}
	return nil
}
