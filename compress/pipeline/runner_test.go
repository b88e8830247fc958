package pipeline

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"espalier/configs"
	"espalier/dataset"
	"espalier/internal/finite"
	"espalier/model/weights"
)

// tinyData draws the images of the tests once.
var tinyData = sync.OnceValues(func() (*dataset.Data, error) {
	return dataset.Open(dataset.Options{Set: dataset.Shapes10, Seed: 1, Validation: 32, TrainLimit: 64, TestLimit: 48})
})

// tinyParts opens a copy of tinyData.
func tinyParts() Parts {
	return Parts{Open: func(dataset.Options) (*dataset.Data, error) {
		data, err := tinyData()
		if err != nil {
			return nil, err
		}
		c := *data
		return &c, nil
	}}
}

// tiny is an experiment of 6 dense steps and two rounds of 6, the last epoch of
// each not whole.
func tiny(t testing.TB, set ...string) configs.Experiment {
	t.Helper()
	e, err := configs.Load("smoke", append([]string{
		"data.train=64", "data.test=48", "data.validation=32", "dense.epochs=1.5", "dense.batch=16", "fine_tune.batch=16", "fine_tune.epochs=1.5",
		"quantize.images=8", "sweep.sizes=[1, 5]",
	}, set...))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func create(t *testing.T, e configs.Experiment) *Run {
	t.Helper()
	r, err := Create(t.TempDir(), "run", e)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// do computes a run to its end and returns its events.
func do(t *testing.T, r *Run, p Parts) (RunDone, []Event) {
	t.Helper()
	done, err := r.Do(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	return done, r.Hub.Since(0, math.MaxInt)
}

// of returns the bodies of one type.
func of[B Body](events []Event) []B {
	var all []B
	for _, e := range events {
		if b, ok := e.Body.(B); ok {
			all = append(all, b)
		}
	}
	return all
}

// undisturbed computes the tiny experiment once for comparison.
var undisturbed = struct {
	once   sync.Once
	hash   string
	events []Event
}{}

func reference(t *testing.T) (hash string, events []Event) {
	t.Helper()
	u := &undisturbed
	u.once.Do(func() {
		r := create(t, tiny(t))
		_, u.events = do(t, r, tinyParts())
		u.hash = journalHash(t, r.Folder)
	})
	if u.hash == "" {
		t.Fatal("the undisturbed run failed")
	}
	return u.hash, u.events
}

func journalHash(t *testing.T, f Folder) string {
	t.Helper()
	hash, err := JournalHash(f)
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

func TestWholeExperiment(t *testing.T) {
	r := create(t, tiny(t, "sweep.draws=2", "data.seed=5", "cost.measure=true"))
	done, events := do(t, r, tinyParts())
	if done.Status != StatusDone {
		t.Fatalf("%+v", done)
	}
	for i, e := range events {
		if e.Seq != int64(i+1) {
			t.Fatalf("event %d has number %d", i+1, e.Seq)
		}
	}
	if first, ok := events[0].Body.(RunStarted); !ok || first.Weights != 77360 || len(first.Layers) != 10 || !slices.Equal(first.Sizes, []int{1, 5}) {
		t.Errorf("first event %+v", events[0].Body)
	}
	if last := events[len(events)-1].Body; last != Body(done) {
		t.Errorf("last event %+v", last)
	}
	if steps := of[StepDone](events); len(steps) != 3*6 || steps[17].GlobalStep != 18 || steps[17].Step != 6 || steps[17].Steps != 6 || steps[17].Epoch != 2 || steps[17].Epochs != 1.5 || steps[0].LearningRate != 0.1 {
		t.Errorf("%d steps, the last %+v", len(steps), steps[len(steps)-1])
	}
	// Batches are the same in all stages, and so is what training takes.
	if planned := of[Planned](events); len(planned) != 1 || planned[0].Stage != StageDense || planned[0].Bytes < 1<<20 {
		t.Errorf("memory: %+v", planned)
	}
	for i, row := range of[RoundDone](events) {
		if row.Round != i+1 || !row.Passed || row.Epochs != 1.5 {
			t.Errorf("%+v", row)
		}
		n, meta, err := weights.Load(r.Folder.Path(row.Checkpoint))
		if err != nil {
			t.Fatal(err)
		}
		if zero, total := n.Sparsity(); float64(zero)/float64(total) != row.Sparsity {
			t.Errorf("round %d: sparsity %v, in the file %d of %d", row.Round, row.Sparsity, zero, total)
		}
		if hash := weights.Hash(weights.FromNetwork(n)); hash != row.Hash || meta["round"] != fmt.Sprint(row.Round) || meta[weights.MetaDataset] != "shapes10" || meta[weights.MetaDataSeed] != "5" {
			t.Errorf("round %d: hash %s, in the file %s, %v", row.Round, row.Hash, hash, meta)
		}
		// Candidates alone reach the target; the edge layers 0.3 of it, once.
		n.Node("conv1").Weight, n.Node("fc").Weight = nil, nil
		zero, total := n.Sparsity()
		if want := math.RoundToEven(row.Target * float64(total)); float64(zero) != want {
			t.Errorf("round %d: %d candidates are zero, want %v", row.Round, zero, want)
		}
	}
	if points := of[CalibrationPoint](events); len(points) != 2*2*2 || points[3].Draw != 2 || points[7].Images != 5 || points[7].Total != 48 {
		t.Errorf("%d points, %+v", len(points), points)
	}
	// The dense network, each round's and the final one show all layers.
	if scales := of[Scales](events); len(scales) != 4*10 {
		t.Errorf("%d scales", len(scales))
	}
	var costs []string
	for _, c := range of[Cost](events) {
		costs = append(costs, c.Name())
		info, err := os.Stat(r.Folder.Path(c.File))
		if err != nil {
			t.Fatal(err)
		}
		// The file's own metadata tells a little more.
		if over := info.Size() - c.Bytes; over < 0 || over > 512 {
			t.Errorf("%s is said to take %d bytes and takes %d", c.Name(), c.Bytes, info.Size())
		}
		if s, ok := c.Fastest(1, 0); !ok || !(s.Seconds > 0) || c.MACs == 0 || c.NonZero > c.Weights || c.Top1 == 0 {
			t.Errorf("%+v", c)
		}
	}
	if !slices.Equal(costs, []string{"dense", "round 1", "round 2", "int8"}) {
		t.Errorf("the costs of %v", costs)
	}
	var overall float64
	for _, s := range of[StepDone](events) {
		if s.Overall < overall || s.Overall > 1 {
			t.Errorf("overall %v after %v", s.Overall, overall)
		}
		overall = s.Overall
	}
	for _, file := range []string{"experiment.yaml", "result.json", "report.md", "pruning.png", "calibration.png", "quantized.safetensors", denseCheckpoint} {
		if _, err := os.Stat(r.Folder.Path(file)); err != nil {
			t.Error(err)
		}
	}
	if files, _ := os.ReadDir(string(r.Folder)); slices.ContainsFunc(files, func(f os.DirEntry) bool { return strings.HasPrefix(f.Name(), ".") }) {
		t.Error("a temporary file was left behind")
	}
	if files := checkpoints(t, r.Folder); !slices.Equal(files, []string{"dense.safetensors", "round-1.safetensors", "round-2.safetensors"}) {
		t.Errorf("the checkpoints are %v", files)
	}
}

// checkpoints lists the files in a run's folder of checkpoints.
func checkpoints(t *testing.T, f Folder) (names []string) {
	t.Helper()
	files, err := os.ReadDir(f.Path("checkpoints"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		names = append(names, file.Name())
	}
	return names
}

// TestSameSeedSameJournal holds two runs to the same bits with different
// numbers of threads, and another seed to other ones.
func TestSameSeedSameJournal(t *testing.T) {
	want, events := reference(t)
	for _, threads := range []int{1, 3} {
		r := create(t, tiny(t, fmt.Sprintf("engine.threads=%d", threads)))
		_, have := do(t, r, tinyParts())
		if hash := journalHash(t, r.Folder); hash != want {
			t.Errorf("%d threads: %s, want %s\n%s", threads, hash, want, firstDifference(events, have))
		}
	}
	r := create(t, tiny(t, "seed=2"))
	do(t, r, tinyParts())
	if journalHash(t, r.Folder) == want {
		t.Error("another seed gives the same journal")
	}
}

// firstDifference shows the first canonical difference of two runs.
func firstDifference(a, b []Event) string {
	canonical := func(events []Event) (all []Body) {
		for _, e := range events {
			if c, ok := canonical(e.Body); ok {
				all = append(all, c)
			}
		}
		return all
	}
	x, y := canonical(a), canonical(b)
	for i := range min(len(x), len(y)) {
		if diff := cmp.Diff(x[i], y[i]); diff != "" {
			return fmt.Sprintf("%d: %s", i, diff)
		}
	}
	return fmt.Sprintf("%d events and %d", len(x), len(y))
}

func TestGate(t *testing.T) {
	_, events := reference(t)
	rows := of[RoundDone](events)
	var dense float64
	for _, e := range of[Evaluated](events) {
		if e.What == "dense" && e.Split == "test" {
			dense = e.Top1
		}
	}
	// A minimum that no round reaches.
	r := create(t, tiny(t, "gate.min_top1=0.99", "gate.split=test"))
	done, failed := do(t, r, tinyParts())
	if have := of[RoundDone](failed); len(have) != 1 || have[0].Passed || !strings.Contains(have[0].Reason, "below the gate's minimum") || have[0].Hash != rows[0].Hash {
		t.Errorf("%+v", have)
	}
	if done.Status != StatusDone || done.Top1 != dense || done.Sparsity != 0 {
		t.Errorf("the result is not the dense network: %+v", done)
	}
	if q := of[Quantized](failed); len(q) != 1 || q[0].Float != dense {
		t.Errorf("%+v", q)
	}
	if warnings := of[Log](failed); !slices.ContainsFunc(warnings, func(l Log) bool { return l.Level == "warn" && strings.Contains(l.Text, denseCheckpoint) }) {
		t.Errorf("the log does not name the result: %v", warnings)
	}
}

// TestDivergedRoundKeepsTheRoundBefore lets the second round diverge: the first
// one's network is quantized.
func TestDivergedRoundKeepsTheRoundBefore(t *testing.T) {
	r := create(t, tiny(t, "fine_tune.epochs=[0, 50]", "fine_tune.learning_rate=100"))
	done, events := do(t, r, tinyParts())
	rows := of[RoundDone](events)
	if len(rows) != 2 || !rows[0].Passed || rows[1].Passed || !rows[1].Diverged || !strings.Contains(rows[1].Reason, "became +Inf at step") {
		t.Fatalf("%+v", rows)
	}
	// A network that is not finite has no answers; the journal has the loss as null.
	measured := of[Evaluated](events)
	if last := measured[len(measured)-2]; last.What != "fine-tuned" || last.Top1 != 0 || last.NotFinite != last.Total || finite.Is(last.Loss) {
		t.Errorf("%+v", last)
	}
	q := of[Quantized](events)
	if len(q) != 1 || q[0].Float != rows[0].Top1 || done.Sparsity != rows[0].Sparsity || done.Status != StatusDone {
		t.Errorf("%+v %+v", q, done)
	}
}

// TestSteering pauses, steps, looks and asks, and wants the undisturbed run's
// bits in the end.
func TestSteering(t *testing.T) {
	want, undisturbed := reference(t)
	r := create(t, tiny(t))
	// However late this test's own pause comes, steps are left in the round.
	if err := r.Hub.Send(Command{Do: PauseAt, AtStep: 10, Source: "keyboard"}); err != nil {
		t.Fatal(err)
	}
	watcher := r.Hub.Watch()
	defer watcher.Close()
	go r.Do(context.Background(), tinyParts())

	var after int64
	next := func() Event {
		for {
			if events := watcher.Since(after, 1); len(events) > 0 {
				after = events[0].Seq
				return events[0]
			}
			<-watcher.Changed()
		}
	}
	// until returns the first event that is as wanted, and the steps before it.
	until := func(wanted func(Body) bool) (found Body, steps int) {
		for {
			e := next()
			if wanted(e.Body) {
				return e.Body, steps
			}
			switch b := e.Body.(type) {
			case StepDone:
				steps = b.GlobalStep
			case RunDone:
				t.Fatalf("the run ended: %+v", b)
			}
		}
	}
	send := func(c Command) {
		if err := r.Hub.Send(c); err != nil {
			t.Fatal(err)
		}
	}
	paused := func(b Body) bool { _, ok := b.(Paused); return ok }

	until(func(b Body) bool { s, ok := b.(StepDone); return ok && s.Stage == StageFineTune && s.Step == 1 })
	send(Command{Do: Pause, Source: "keyboard"})
	p, steps := until(paused)
	at := p.(Paused).GlobalStep
	if steps > 0 && at != steps {
		t.Errorf("paused at %d after step %d", at, steps)
	}
	if at < 7 || at > 10 {
		t.Errorf("paused at %d", at)
	}
	send(Command{Do: Pause})
	refused, _ := until(func(b Body) bool { c, ok := b.(Commanded); return ok && c.Refused != "" })
	if c := refused.(Commanded); c.Refused != "the run is paused already" || c.Command.Source != "keyboard" {
		t.Errorf("%+v", c)
	}
	send(Command{Do: Inspect, Layer: "layer2.0.conv1", Source: "socket"})
	found, steps := until(func(b Body) bool { s, ok := b.(Scales); return ok && s.Asked })
	if s := found.(Scales); steps != 0 || s.Layer != "layer2.0.conv1" || len(s.Channels) != 32 || s.GlobalStep != at || s.Activation.Max <= 0 {
		t.Errorf("%d steps while paused, %+v", steps, s)
	} else {
		for i, c := range s.Channels { // of 16·3·3 weights
			counted := 0
			for _, n := range c.Histogram {
				counted += n
			}
			if want := int(math.Round(144 * (1 - c.Zero))); counted != want {
				t.Errorf("channel %d: %d weights in the histogram, want the %d that are not zero", i, counted, want)
			}
		}
	}
	send(Command{Do: Calibrate, Images: 3})
	var answered []int
	found, steps = until(func(b Body) bool {
		if p, ok := b.(Progress); ok && p.Asked && p.Stage == StageCalibrate && p.Total == 48+3+48 {
			answered = append(answered, p.Done)
		}
		p, ok := b.(CalibrationPoint)
		return ok && p.Asked
	})
	if p := found.(CalibrationPoint); steps != 0 || p.Images != 3 || p.Total != 48 {
		t.Errorf("%d steps while paused, %+v", steps, p)
	}
	if want := []int{48, 48 + 3 + 48}; !slices.Equal(answered, want) { // fp32, then int8
		t.Errorf("on the way %v images are done, want %v", answered, want)
	}
	send(Command{Do: Remark, Text: "here"})
	found, _ = until(func(b Body) bool { _, ok := b.(Note); return ok })
	if n := found.(Note); n.Text != "here" || n.GlobalStep != at {
		t.Errorf("%+v", n)
	}
	send(Command{Do: Step, Source: "keyboard"})
	p, steps = until(paused)
	if steps != at+1 || p.(Paused).GlobalStep != at+1 {
		t.Errorf("one step from %d: step %d, paused at %d", at, steps, p.(Paused).GlobalStep)
	}
	for _, bad := range []Command{{Do: Inspect, Layer: "none"}, {Do: Calibrate, Images: 65}, {Do: PauseAt, AtStep: 6}, {Do: "dance"}} {
		send(bad)
		until(func(b Body) bool { c, ok := b.(Commanded); return ok && c.Refused != "" && c.Command.Do == bad.Do })
	}
	for _, at := range []int{15, 18} { // in the middle of the second round, and at its end
		send(Command{Do: PauseAt, AtStep: at, Source: "socket"})
		send(Command{Do: Resume, Source: "keyboard"})
		p, steps = until(paused)
		if p := p.(Paused); steps != at || p.GlobalStep != at || p.Source != "socket" {
			t.Errorf("asked to pause at step %d: %+v after step %d", at, p, steps)
		}
	}
	send(Command{Do: Resume, Source: "keyboard"})
	for {
		if _, over := next().Body.(RunDone); over {
			break
		}
	}
	if hash := journalHash(t, r.Folder); hash != want {
		t.Errorf("the journal differs from the undisturbed run's:\n%s", firstDifference(undisturbed, r.Hub.Since(0, math.MaxInt)))
	}
	if err := r.Hub.Send(Command{Do: Pause}); !errors.Is(err, errOver) {
		t.Errorf("after the end: %v", err)
	}
}

func TestSkipAndStopAfter(t *testing.T) {
	r := create(t, tiny(t, "fine_tune.epochs=50"))
	// Both wait in the queue: the dense stage is skipped in its first step...
	r.Hub.Send(Command{Do: SkipRound})
	watcher := r.Hub.Watch()
	defer watcher.Close()
	go func() {
		var after int64
		var skipped bool
		for range watcher.Changed() {
			for _, e := range watcher.Since(after, math.MaxInt) {
				after = e.Seq
				switch b := e.Body.(type) {
				case StepDone:
					if b.Round == 1 && b.Step == 2 && !skipped {
						skipped = true
						watcher.Send(Command{Do: StopAfter})
						watcher.Send(Command{Do: SkipRound})
					}
				case RunDone:
					return
				}
			}
		}
	}()
	done, events := do(t, r, tinyParts())
	if done.Status != StatusStopped || done.Reason != "stopped after round 1 as asked" {
		t.Errorf("%+v", done)
	}
	rows := of[RoundDone](events)
	if len(rows) != 1 || !rows[0].Passed || len(of[RoundStarted](events)) != 1 {
		t.Fatalf("%+v", rows)
	}
	steps := of[StepDone](events)
	if last := steps[len(steps)-1]; last.Step < 2 || last.Step > 100 || rows[0].Epochs > 25 {
		t.Errorf("last step %+v, row %+v", last, rows[0])
	}
	if _, err := os.Stat(r.Folder.Path(rows[0].Checkpoint)); err != nil {
		t.Error(err)
	}
	// Skipping ends with an epoch's numbers.
	if epochs := of[EpochDone](events); epochs[len(epochs)-1].GlobalStep != steps[len(steps)-1].GlobalStep {
		t.Errorf("%+v", epochs[len(epochs)-1])
	}
}
