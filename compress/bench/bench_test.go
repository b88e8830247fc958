package bench

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"espalier/compress/cost"
	"espalier/model"
	"espalier/model/kernel"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func network(t *testing.T, depth int) *model.Graph {
	t.Helper()
	n, err := model.ResNet(model.Arch{Depth: depth, Shortcut: model.Projection, Classes: 10})
	if err != nil {
		t.Fatal(err)
	}
	n.Init(1)
	return n
}

func options(t *testing.T) Options {
	return Options{Kernels: kernel.All()[0], Algorithm: model.Auto, Threads: 2, Time: time.Millisecond, Network: network(t, 8)}
}

// TestRun holds a report to itself: what it says of time, images, operations
// and peaks must fit together. How fast anything is stays open.
func TestRun(t *testing.T) {
	o := options(t)
	before := o.Network.Clone()
	var told []string
	o.Progress = func(done, total int, what string) {
		if done != len(told) || total != 2+2+3*4+1+1 {
			t.Errorf("%s is number %d of %d", what, done, total)
		}
		told = append(told, what)
	}
	r, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	type key struct {
		task           string
		batch, threads int
	}
	var keys []key
	for _, row := range r.Rows {
		keys = append(keys, key{row.Task, row.Batch, row.Threads})
		macs, peak := float64(r.MACs), r.Peaks[row.Threads-1].Float
		switch row.Task {
		case Training:
			macs = float64(trainingMACs(o.Network))
		case Integer:
			peak = r.Peaks[row.Threads-1].Integer
		}
		near(t, row, "images/s", row.Images, float64(row.Batch)/row.Seconds)
		near(t, row, "operations/s", row.Operations, 2*macs*row.Images)
		near(t, row, "share of peak", row.OfPeak, row.Operations/peak)
		if row.Best > row.Seconds || row.Best <= 0 || row.Repetitions < cost.MinRepetitions || row.Bytes < 4*int64(o.Network.Weights())/5 {
			t.Errorf("%+v", row)
		}
		pruned := float64(o.Network.Weights()-3*16*9-64*10) / float64(o.Network.Weights())
		if row.Task == Sparse {
			near(t, row, "sparsity", row.Sparsity, sparsityTarget*pruned)
			if !(row.TimesDense > 0) {
				t.Errorf("%d images: %g times dense", row.Batch, row.TimesDense)
			}
		} else if row.TimesDense != 0 {
			t.Errorf("%s: %g times dense", row.Task, row.TimesDense)
		} else if row.Task != Integer && row.Sparsity != 0 {
			t.Errorf("%s: sparsity %g", row.Task, row.Sparsity)
		}
	}
	want := []key{
		{Training, 128, 1}, {Training, 128, 2},
		{Float, 1, 1}, {Float, 1, 2}, {Float, 128, 1}, {Float, 128, 2},
		{Integer, 1, 1}, {Integer, 1, 2}, {Integer, 128, 1}, {Integer, 128, 2},
		{Sparse, 1, 1}, {Sparse, 1, 2}, {Sparse, 128, 1}, {Sparse, 128, 2},
	}
	if !slices.Equal(keys, want) {
		t.Errorf("rows %v", keys)
	}
	for i, tensor := range o.Network.Tensors() {
		if !slices.Equal(tensor.Data, before.Tensors()[i].Data) {
			t.Errorf("measuring changed %s", tensor.Name)
		}
	}
	if e := r.Epoch; e == nil || e.Batches < cost.MinRepetitions || !(e.Loading > 0 && e.Loading < 1) || !(e.Overhead > -1) || !(e.Seconds > 0) {
		t.Errorf("epoch %+v", e)
	}
	if r.Delay == nil || r.Delay.Wakeups < 1 || r.Delay.Max < r.Delay.Median {
		t.Errorf("delay %+v", r.Delay)
	} else {
		t.Logf("with other tests around, a goroutine woke up %.1f ms late in the median of %d, %.1f ms at most", 1e3*r.Delay.Median, r.Delay.Wakeups, 1e3*r.Delay.Max)
	}
}

func near(t *testing.T, row Row, what string, have, want float64) {
	t.Helper()
	if !(math.Abs(have-want) <= 1e-3*want) {
		t.Errorf("%s, batch %d, %d threads: %s %g, want %g", row.Task, row.Batch, row.Threads, what, have, want)
	}
}

// A step of ResNet-20 without projections on 128 images is 31.03 billion
// operations: three times 40.55 million multiply-adds an image, less the
// 0.44 million of the first convolution's input gradient.
func TestTrainingMACs(t *testing.T) {
	n, err := model.ResNet(model.Arch{Depth: 20, Shortcut: model.Pad, Classes: 10})
	if err != nil {
		t.Fatal(err)
	}
	if have := 2 * 128 * float64(trainingMACs(n)) / 1e9; math.Abs(have-31.03) > 0.01 {
		t.Errorf("%.2f billion operations a step", have)
	}
}

func TestOptions(t *testing.T) {
	fused := options(t)
	fused.Network = fused.Network.ForInference()
	neither := options(t)
	neither.Network = nil
	for _, c := range []struct {
		name string
		o    Options
		task string
		want string // in the error; empty for none
	}{
		{"unknown task", options(t), "speed", `no task "speed"`},
		{"training without batch norm", fused, Training, ""},
		{"inference without batch norm", fused, Float, ""},
		{"floats of a quantized network", neither, Float, "quantized"},
	} {
		c.o.Tasks = []string{c.task}
		have, err := c.o.complete()
		if err == nil && (c.want != "" || !slices.Equal(have.Tasks, c.o.Tasks)) || err != nil && (c.want == "" || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: tasks %v, error %v", c.name, have.Tasks, err)
		}
	}
	o := options(t)
	o.Time = 0
	if _, err := o.complete(); err == nil {
		t.Error("no time is accepted")
	}
}

func TestRunEndsWhenAsked(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	o := options(t)
	o.Time = time.Hour
	o.Tasks = []string{Float}
	o.Progress = func(done, total int, what string) {
		if done == 2 { // the first row
			cancel()
		}
	}
	if _, err := Run(ctx, o); !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
}

func TestWarning(t *testing.T) {
	r := &Report{Peaks: []Peak{{1, 100, 0}, {4, 200, 0}}, Scaling: 0.5}
	if w := r.Warning(); !strings.Contains(w, "4 threads together reach only 50 %") {
		t.Errorf("%q", w)
	}
	r.Scaling = 1
	if w := r.Warning(); w != "" {
		t.Errorf("%q", w)
	}
}
