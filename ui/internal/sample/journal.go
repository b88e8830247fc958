// Package sample makes the journal of an invented run, for tests of the screen
// alone. It follows the events' order and ranges as an experiment with six
// pruning rounds on ResNet-20 would write them; nothing in it was measured.
package sample

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"espalier/compress/pipeline"
	"espalier/internal/finite"
)

// start is when every sample run starts.
var start = time.Date(2026, 11, 2, 14, 2, 19, 0, time.UTC)

const (
	epochs     = 3
	epochSteps = 60
	testImages = 4000
)

// A writer appends events as the run's clock advances.
type writer struct {
	events []pipeline.Event
	now    time.Time
	random *rand.Rand
	info   pipeline.RunStarted
	global int // steps done
	steps  int // of the whole run
}

// Journal returns the events of a whole run, numbered from 1.
func Journal() []pipeline.Event {
	w := &writer{now: start, random: rand.New(rand.NewPCG(7, 1))}
	w.info = info()
	w.steps = len(w.info.Targets) * epochs * epochSteps
	w.add(0, w.info)
	w.stage(pipeline.StageData, 0, 1.4)
	w.evaluate(pipeline.StageDense, "dense", 0, 0.9259)
	top1 := 0.9259
	for i := range w.info.Targets {
		top1 = w.round(i+1, top1)
	}
	w.stage(pipeline.StageFuse, 0, 0.1)
	w.sweep(top1)
	w.add(1, pipeline.Quantized{Recipe: "lab", Observer: "min-max", Images: 1000, Top1: top1 - 0.0012, Float: top1, FloatBytes: 1_083_584, Int8Bytes: 279_104, File: "int8.safetensors"})
	w.add(0.1, pipeline.Saved{What: "report", Path: "report.md", Bytes: 8123})
	w.add(0.1, pipeline.RunDone{Status: "done", Seconds: w.now.Sub(start).Seconds(), Sparsity: 0.9166, Dense: 0.9259, Top1: top1, Int8: top1 - 0.0012})
	return w.events
}

// add appends an event some seconds after the one before.
func (w *writer) add(seconds float64, body pipeline.Body) {
	w.now = w.now.Add(time.Duration(seconds * float64(time.Second)))
	w.events = append(w.events, pipeline.Event{Seq: int64(len(w.events) + 1), Time: w.now, Body: body})
}

func (w *writer) stage(name string, round int, seconds float64) {
	w.add(0, pipeline.StageStarted{Stage: name, Round: round})
	w.add(seconds, pipeline.StageDone{Stage: name, Round: round, Seconds: seconds})
}

func (w *writer) overall() float64   { return 0.9 * float64(w.global) / float64(w.steps) }
func (w *writer) remaining() float64 { return 0.09*float64(w.steps-w.global) + 20 }

func (w *writer) evaluate(stage, what string, round int, top1 float64) {
	w.add(0, pipeline.StageStarted{Stage: stage, Round: round})
	for done := 500; done <= testImages; done += 500 {
		w.add(0.2, pipeline.Progress{Stage: stage, Round: round, Done: done, Total: testImages, Unit: "images", Overall: w.overall(), Remaining: w.remaining()})
	}
	w.add(0, pipeline.Evaluated{What: what, Round: round, Split: "test", Top1: top1, Correct: int(top1 * testImages), Total: testImages, Loss: finite.OrNull(3 * (1 - top1)), Seconds: 1.6})
	w.add(0, pipeline.StageDone{Stage: stage, Round: round, Seconds: 1.6})
}

// round appends one pruning round after which top1 has dropped a little.
func (w *writer) round(number int, top1 float64) float64 {
	begin, target := w.now, w.info.Targets[number-1]
	edge := 0.0
	if target <= 0.6 {
		edge = 0.3 * target
	}
	w.add(0.1, pipeline.RoundStarted{Round: number, Rounds: len(w.info.Targets), Target: target, Edge: edge, Epochs: epochs, Steps: epochs * epochSteps})
	w.add(0, pipeline.StageStarted{Stage: pipeline.StagePrune, Round: number})
	census := w.census(number, target, edge)
	w.add(0.1, census)
	w.add(0, pipeline.StageDone{Stage: pipeline.StagePrune, Round: number, Seconds: 0.1})
	w.evaluate(pipeline.StageEvaluate, "pruned", number, top1-target*target*0.4)

	w.add(0, pipeline.StageStarted{Stage: pipeline.StageFineTune, Round: number})
	w.fineTune(number, target)
	w.add(0, pipeline.StageDone{Stage: pipeline.StageFineTune, Round: number, Seconds: w.now.Sub(begin).Seconds()})
	top1 -= 0.0035 * target
	w.evaluate(pipeline.StageEvaluate, "fine-tuned", number, top1)
	file := fmt.Sprintf("round%02d.safetensors", number)
	w.add(0.2, pipeline.Saved{What: "checkpoint", Path: file, Bytes: 1_090_000})
	for _, layer := range w.info.Layers {
		w.add(0.01, w.scales(layer, number, false))
	}
	w.add(0, pipeline.RoundDone{Round: number, Target: target, Sparsity: census.Sparsity, Top1: top1, Drop: 0.9259 - top1, Epochs: epochs, Seconds: w.now.Sub(begin).Seconds(), Passed: true, Reason: fmt.Sprintf("top-1 %.2f %% ≥ 90.00 %%", 100*top1), Checkpoint: file, Hash: "0f3a"})
	return top1
}

func (w *writer) fineTune(round int, target float64) {
	for epoch := 1; epoch <= epochs; epoch++ {
		sum := 0.0
		for i := 1; i <= epochSteps; i++ {
			step := (epoch-1)*epochSteps + i
			w.global++
			t := float64(step) / (epochs * epochSteps)
			loss := 0.15 + 0.2*target + 1.1*target*math.Exp(-6*t) + 0.06*w.random.NormFloat64()
			loss = max(loss, 0.02)
			sum += loss
			w.add(0.09, pipeline.StepDone{
				Stage: pipeline.StageFineTune, Round: round, Epoch: epoch, Epochs: epochs, Step: step, Steps: epochs * epochSteps,
				GlobalStep: w.global, Loss: finite.OrNull(loss), LearningRate: 0.005 * (1 + math.Cos(math.Pi*t)), ImagesPerSec: 1422 + 8*w.random.NormFloat64(),
				Overall: w.overall(), Remaining: w.remaining(),
			})
		}
		mean := sum / epochSteps
		w.add(1.1, pipeline.EpochDone{Stage: pipeline.StageFineTune, Round: round, Epoch: epoch, Epochs: epochs, TrainLoss: finite.OrNull(mean), TrainTop1: 1 - mean/3.2, ValLoss: finite.OrNull(mean*1.05 + 0.03), ValTop1: 0.985 - mean/3, ValCount: 2000, Seconds: 5.4, GlobalStep: w.global})
	}
}

// census spreads a target over the layers: more where there are more weights.
func (w *writer) census(round int, target, edge float64) pipeline.Sparsity {
	c := pipeline.Sparsity{Round: round, Target: target}
	for _, l := range w.info.Layers {
		share := math.Pow(target, 1+2000/float64(l.Weights+1000))
		if l.Edge {
			share = edge
		}
		s := pipeline.LayerSparsity{Name: l.Name, Zero: int(share * float64(l.Weights)), Total: l.Weights}
		if round >= 4 && l.Shape[0] == 64 && l.Stride == 1 {
			s.DeadChannels = round - 3
		}
		c.Layers = append(c.Layers, s)
		c.Zero += s.Zero
		c.Total += s.Total
	}
	c.Sparsity = float64(c.Zero) / float64(c.Total)
	return c
}

// race invents the ranges of the observers.
func (w *writer) race(images int) pipeline.Race {
	r := pipeline.Race{Images: images}
	for i, l := range w.info.Layers {
		a := pipeline.ObservedRace{Point: l.Name, Max: 6.4 + float64(i%5)}
		for k := range 64 {
			a.Histogram = append(a.Histogram, int(900*float64(images)*math.Exp(-float64(k)/5)))
		}
		for k, observer := range w.info.Observers {
			most := a.Max * (1 - 0.2*float64(k))
			a.Ranges = append(a.Ranges, pipeline.ObservedRange{Observer: observer, Range: pipeline.Range{Max: most, Scale: most / 255}})
		}
		r.Activations = append(r.Activations, a)
	}
	return r
}

func (w *writer) sweep(top1 float64) {
	w.add(0, pipeline.StageStarted{Stage: pipeline.StageSweep})
	w.add(0, w.race(w.info.Sizes[len(w.info.Sizes)-1]))
	for _, images := range w.info.Sizes {
		for _, observer := range w.info.Observers {
			for draw := 1; draw <= 3; draw++ {
				lost := 0.012/math.Sqrt(float64(images)) + 0.002*w.random.Float64()
				if observer == "min-max" {
					lost *= 1.5
				}
				w.add(0.3, pipeline.CalibrationPoint{Images: images, Draw: draw, Observer: observer, Top1: top1 - lost, Correct: int((top1 - lost) * testImages), Total: testImages, Float: top1, CalibrateSeconds: 0.0004 * float64(images), EvaluateSeconds: 1.2})
			}
		}
		w.add(0, pipeline.Progress{Stage: pipeline.StageSweep, Done: images, Total: 10000, Unit: "images", Overall: 0.95, Remaining: 9})
	}
	w.add(0, pipeline.StageDone{Stage: pipeline.StageSweep, Seconds: 30})
}

// scales invents the int8 scales of a layer.
func (w *writer) scales(l pipeline.LayerInfo, round int, asked bool) pipeline.Scales {
	s := pipeline.Scales{
		Layer: l.Name, Round: round, GlobalStep: w.global, Images: 64, Recipe: "lab", WeightMax: 1.62, PerTensorCost: 1.9, SNR: 41.2, BestClip: 0.95, BestSNR: 41.3,
		Activation: pipeline.Range{Min: 0, Max: 6.13, Scale: 6.13 / 255, ZeroPoint: 0}, Asked: asked,
	}
	for c := range l.Shape[0] {
		most := 0.3 * math.Exp2(1.5*math.Sin(float64(c)*1.7)+0.3*w.random.NormFloat64())
		if c == 11 {
			most = 1.62
		}
		s.Channels = append(s.Channels, pipeline.ChannelScale{Scale: most / 127, MaxAbs: most, Zero: 0.5 + 0.3*w.random.Float64(), Clipped: 0, Histogram: []int{0, 1, 2, 5, 9, 14, 7, 2, 3, 6, 15, 8, 4, 2, 1, 1}})
	}
	if round >= 4 && l.Shape[0] == 64 {
		s.Channels[40] = pipeline.ChannelScale{Zero: 1}
	}
	zeros := 0.0
	for _, c := range s.Channels {
		zeros += c.Zero * float64(l.Weights) / float64(len(s.Channels))
	}
	for i := range 32 {
		d := float64(i) - 15.5
		s.WeightHistogram = append(s.WeightHistogram, int((float64(l.Weights)-zeros)*math.Exp(-d*d/30)/9.7))
		if i == 16 {
			s.WeightHistogram[i] += int(zeros)
		}
		s.ActivationHistogram = append(s.ActivationHistogram, int(9000*math.Exp(-float64(i)/4)))
	}
	return s
}

// sensitivity invents what the network loses with half of each layer: more with
// layers that have few weights, and nothing with the last convolution.
func (w *writer) sensitivity(step int) pipeline.Sensitivity {
	s := pipeline.Sensitivity{GlobalStep: step, Share: 0.5, Split: "validation", Images: 512, Loss: 0.31, Top1: 0.9, Seconds: 2.4}
	for i, l := range w.info.Layers {
		rise := 40/math.Sqrt(float64(l.Weights))*(1.2+math.Sin(float64(7*i)))/4 - 0.01
		if i == len(w.info.Layers)-2 {
			rise = -0.004
		}
		s.Layers = append(s.Layers, pipeline.LayerSensitivity{Name: l.Name, Loss: s.Loss + finite.OrNull(rise), Top1: 0.9 - rise/4})
	}
	return s
}

// info describes ResNet-20 with projection shortcuts.
func info() pipeline.RunStarted {
	r := pipeline.RunStarted{
		Schema: 1, Version: "0.1.0", Name: "20261102-140219-quick", Experiment: "quick", Dataset: "shapes10", Network: "resnet20 projection",
		Seed: 7, Threads: 2, Kernel: "avx2", Targets: []float64{0.30, 0.50, 0.70, 0.80, 0.90, 0.92},
		Sizes: []int{1, 5, 10, 50, 100, 500, 1000, 5000, 10000}, Observers: []string{"min-max", "moving-average"}, Gate: "top-1 ≥ 90.00 % on test",
		Pruning: "global magnitude, edge layers 0.3 of the target to 60 %", FineTune: "SGD 0.01 cosine, momentum 0.9, weight decay 0.0005, batch 128",
		Quantization: "lab, min-max over 1000 images",
	}
	add := func(name string, stride, size int, shape ...int) {
		n := 1
		for _, d := range shape {
			n *= d
		}
		r.Layers = append(r.Layers, pipeline.LayerInfo{Name: name, Shape: shape, Stride: stride, Weights: n, MACs: int64(n * size * size), Edge: name == "conv1" || name == "fc"})
		r.Weights += n
		r.MACs += int64(n * size * size)
	}
	add("conv1", 1, 32, 16, 3, 3, 3)
	in, size := 16, 32
	for stage := 1; stage <= 3; stage++ {
		out := 8 << stage
		for block := range 3 {
			name, stride := fmt.Sprintf("layer%d.%d", stage, block), 1
			if block == 0 && stage > 1 {
				stride, size = 2, size/2
			}
			add(name+".conv1", stride, size, out, in, 3, 3)
			add(name+".conv2", 1, size, out, out, 3, 3)
			if stride == 2 {
				add(name+".downsample.0", 2, size, out, in, 1, 1)
			}
			in = out
		}
	}
	add("fc", 1, 1, 10, 64)
	return r
}

// newRandom returns the stream of numbers that answers are invented from.
func newRandom() *rand.Rand { return rand.New(rand.NewPCG(7, 2)) }
