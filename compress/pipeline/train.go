package pipeline

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"espalier/configs"
	"espalier/dataset"
	"espalier/internal/finite"
	"espalier/model"
)

// A training is one stage of SGD: the dense network's, or a round's
// fine-tuning. Step is its position. To continue, that, the weights, the masks,
// the momentum and the average of weights, if any, are enough: batches follow
// from (seed, stage, epoch, index).
type training struct {
	stage    string
	round    int
	settings configs.Training
	steps    int
	perEpoch int // steps; the last epoch may have fewer
	loader   *dataset.Loader
	course   course // of the learning rate
	trainer  *model.Trainer
	average  *model.Average // or nil
	frozen   int            // the step from which batch norm is frozen, or -1
	teacher  *teacher       // or nil
	masking  *masking       // or nil
	keep     []int          // steps before which the network is kept for later
	buffers  []model.Tensor // batch norm's running statistics
	x        []float32      // [batch][channels][height][width]
	labels   []uint16

	step  int         // done
	tally model.Tally // of the epoch so far, on training batches
	began time.Time   // the epoch
}

// A diverged ends a stage of training in which something is no longer finite.
// If that is the loss, the weights are those before the step.
type diverged struct{ reason string }

func (d *diverged) Error() string { return d.reason }

// lowerRate returns a *diverged that asks for a lower learning rate.
func lowerRate(format string, values ...any) error {
	return &diverged{fmt.Sprintf(format, values...) + ": lower the learning rate"}
}

// notFinite returns the name of the first tensor that holds NaN or infinity,
// and that value. found is false if all are finite.
func notFinite(tensors []model.Tensor) (name string, value float32, found bool) {
	for _, t := range tensors {
		if i := finite.First(t.Data); i >= 0 {
			return t.Name, t.Data[i], true
		}
	}
	return "", 0, false
}

// watch returns a *diverged if one of the tensors is not finite after a step.
func watch(tensors []model.Tensor, step int) error {
	if name, value, found := notFinite(tensors); found {
		return lowerRate("%s became %v at step %d", name, value, step)
	}
	return nil
}

// statistics returns batch norm's running means and variances.
func statistics(n *model.Graph) []model.Tensor {
	return slices.DeleteFunc(n.Tensors(), func(t model.Tensor) bool { return !strings.Contains(t.Name, ".running_") })
}

// plan prepares a stage of SGD on the present network.
func (r *runner) plan(stage string, round int, settings configs.Training, epochs float64) (*training, error) {
	trainer, err := model.NewTrainer(r.net, r.engine, settings.Batch, model.SGD{
		Momentum: float32(settings.Momentum), WeightDecay: float32(settings.WeightDecay),
		Nesterov: settings.Nesterov, WeightsOnly: settings.WeightDecayOn == configs.WeightsOnly,
	})
	if err != nil {
		return nil, err
	}
	trainer.Loss.LabelSmoothing = settings.LabelSmoothing
	trainer.Seed = r.stream("dropout "+stage, round)
	if bytes := trainer.Bytes(); bytes != r.hub.State().Planned {
		r.hub.Publish(Planned{Stage: stage, Round: round, Bytes: bytes})
	}
	t := &training{
		frozen: -1,
		stage:  stage, round: round, settings: settings, trainer: trainer, buffers: statistics(r.net),
		loader: r.data.NewLoader(r.data.Train, dataset.LoaderOptions{
			Batch: settings.Batch, Shuffle: true, Augment: r.e.Data.Augment, NoFlip: !r.e.Data.Flips(), Cutout: r.e.Data.Cutout, Seed: r.stream(stage, round),
		}),
		x: make([]float32, settings.Batch*r.data.Shape.Len()), labels: make([]uint16, settings.Batch),
		began: time.Now(),
	}
	t.perEpoch = t.loader.Batches()
	t.steps = stepsOf(epochs, t.perEpoch)
	t.course = newCourse(settings, t.steps, t.perEpoch)
	if settings.Average > 0 {
		t.average = model.NewAverage(r.net, r.engine, settings.Average)
	}
	if d := r.e.Distill; d.Weight > 0 && stage == StageFineTune {
		trainer.Loss.Distill, trainer.Loss.Temperature = d.Weight, d.Temperature
		if t.teacher, err = r.newTeacher(settings.Batch); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// perEpoch returns the steps of an epoch.
func (r *runner) perEpoch(settings configs.Training) int {
	return (r.data.Train.Len() + settings.Batch - 1) / settings.Batch
}

// epochs converts steps of the stage to epochs.
func (t *training) epochs(steps int) float64 { return float64(steps) / float64(t.perEpoch) }

// stepsOf converts epochs, which need not be whole, to steps: at least one if
// epochs is above 0.
func stepsOf(epochs float64, perEpoch int) int {
	if epochs <= 0 {
		return 0
	}
	return max(1, int(math.Round(epochs*float64(perEpoch))))
}

// train takes the steps that remain. It returns errSkipped if a command ended it
// early, and a *diverged if a loss, a weight or a running statistic is not
// finite. The network can be measured after both. If weights are averaged, the
// network is then the average.
//
// Losses and statistics are checked after every step, weights at the end of
// every epoch, since a bad weight shows in the loss one step later.
func (r *runner) train(t *training) error {
	err := r.takeSteps(t)
	var lost *diverged
	if t.average != nil && (err == nil || errors.Is(err, errSkipped) || errors.As(err, &lost)) {
		t.average.Swap()
	}
	return err
}

func (r *runner) takeSteps(t *training) error {
	r.training = t
	defer func() { r.training, r.control.skip = nil, false }()
	for {
		if t.tally.Total > 0 && (t.step%t.perEpoch == 0 || t.step == t.steps) {
			if err := watch(r.net.Tensors(), r.steps); err != nil {
				return err
			}
			if err := r.endEpoch(t); err != nil {
				return err
			}
		}
		if t.steps == 0 {
			return nil
		}
		if slices.Contains(t.keep, t.step) {
			if err := r.saveNetwork("checkpoint", keptCheckpoint(t.step), map[string]string{"stage": t.stage, "step": fmt.Sprint(t.step)}); err != nil {
				return err
			}
		}
		if t.step == t.steps {
			return r.saveStep() // evaluation follows; an interruption there then costs no training
		}
		if err := r.breathe(); err != nil {
			if err == errSkipped && t.tally.Total > 0 {
				if err := r.endEpoch(t); err != nil {
					return err
				}
			}
			return err
		}
		if err := r.takeStep(t); err != nil {
			return err
		}
	}
}

// takeStep loads the next batch and updates the weights with it.
func (r *runner) takeStep(t *training) error {
	began := time.Now()
	epoch, index := t.step/t.perEpoch, t.step%t.perEpoch
	n := t.loader.Load(epoch, index, t.x, t.labels)
	rate := t.course.rate(t.step)
	if t.masking != nil {
		if err := r.remask(t); err != nil {
			return err
		}
	}
	if t.teacher != nil {
		t.trainer.Teacher = t.teacher.of(t.x[:n*r.data.Shape.Len()], n)
	}
	t.trainer.FrozenNorms = t.frozen >= 0 && t.step >= t.frozen
	loss, correct := t.trainer.Step(t.x[:n*r.data.Shape.Len()], t.labels[:n], float32(rate))
	seconds := time.Since(began).Seconds()
	if t.masking != nil {
		t.masking.moved(r, t)
	}
	t.step++
	r.steps++
	r.estimate.add(trainWork, n, seconds)
	r.hub.Publish(StepDone{
		Stage: t.stage, Round: t.round, Epoch: epoch + 1, Epochs: t.epochs(t.steps), Step: t.step, Steps: t.steps,
		GlobalStep: r.steps, Loss: finite.OrNull(loss), LearningRate: rate, ImagesPerSec: float64(n) / max(seconds, 1e-9),
		Overall: r.estimate.overall(), Remaining: r.estimate.remaining(),
	})
	if !finite.Is(loss) {
		return lowerRate("the loss became %v at step %d", loss, r.steps)
	}
	if err := watch(t.buffers, r.steps); err != nil {
		return err
	}
	if t.average != nil {
		t.average.Update()
	}
	t.tally.Correct += correct
	t.tally.Total += n
	t.tally.LossSum += loss * float64(n)
	return nil
}

// reload gives an evaluator the weights that this stage would end with now.
func (t *training) reload(eval *model.Evaluator) {
	if t.average == nil {
		eval.Reload()
		return
	}
	t.average.Swap()
	eval.Reload()
	t.average.Swap()
}

// endEpoch measures the validation split and publishes the epoch's summary.
func (r *runner) endEpoch(t *training) error {
	e := EpochDone{
		Stage: t.stage, Round: t.round, Epoch: (t.step + t.perEpoch - 1) / t.perEpoch, Epochs: t.epochs(t.steps),
		TrainLoss: finite.OrNull(t.tally.Loss()), TrainTop1: t.tally.Top1(), GlobalStep: r.steps,
	}
	if r.data.Validation.Len() > 0 {
		t.reload(r.eval)
		tally, err := r.tally(r.eval.Logits, r.data.Validation, inferWork)
		if err != nil {
			return err
		}
		e.ValLoss, e.ValTop1, e.ValCount = finite.OrNull(tally.Loss()), tally.Top1(), tally.Total
	}
	e.Seconds = time.Since(t.began).Seconds()
	r.hub.Publish(e)
	t.tally, t.began = model.Tally{}, time.Now()
	if !finite.Is(e.ValLoss) {
		return lowerRate("the loss on validation became %v at step %d", e.ValLoss, r.steps)
	}
	return nil
}
