package ui

import (
	"context"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"espalier/compress/pipeline"
	"espalier/configs"
	"espalier/internal/finite"
	"espalier/ui/internal/sample"
	"espalier/ui/state"
)

// What the screen may cost. Times are measured by benchmarks; tests hold what
// does not depend on the machine.

// million adds a million steps to a run.
func million(r *state.Run) {
	for i := range 1_000_000 {
		x := float64(2000 + i)
		r.Train.Add(x, 1+0.5*math.Sin(float64(i)/5000))
		r.LearningRate.Add(x, 0.1)
		r.Clock.Add(x, x/10)
		r.Seqs.Add(x, x)
		r.Epochs.Add(x, x/400)
	}
}

// BenchmarkFrame200x60 builds frames of a run with a million steps.
func BenchmarkFrame200x60(b *testing.B) {
	for _, c := range []struct {
		name   string
		x      xAxis
		others int
	}{{"by-step", byStep, 0}, {"by-time", byTime, 0}, {"compared-with-3", byStep, 3}} {
		b.Run(c.name, func(b *testing.B) {
			a := newTestApp(b, sample.Finished(sample.Journal()), 200, 60)
			million(a.scene.run)
			a.loss.x = c.x
			for range c.others {
				a.scene.others = append(a.scene.others, contender{name: "other", run: a.scene.run})
			}
			b.ReportAllocs()
			for b.Loop() {
				a.build()
			}
		})
	}
}

// BenchmarkFirstFrame is the time from a source to the whole first frame.
func BenchmarkFirstFrame(b *testing.B) {
	src := sample.Finished(sample.Journal())
	for b.Loop() {
		s := openSession(b, src)
		s.tty.wait(b)
		b.StopTimer()
		s.end()
		b.StartTimer()
	}
}

// BenchmarkFirstFrameOfALongRun is the time from opening the journal of a run of
// 200,000 steps to a frame with the first of them.
func BenchmarkFirstFrameOfALongRun(b *testing.B) {
	folder := longJournal(b, 200_000)
	for b.Loop() {
		replay, err := pipeline.OpenReplay(folder, false)
		if err != nil {
			b.Fatal(err)
		}
		s := openSession(b, replay)
		s.tty.wait(b)
		s.tty.expect("READING")
		s.tty.wait(b)
		b.StopTimer()
		s.end()
		replay.Close()
		b.StartTimer()
	}
}

// longJournal returns the folder of a run with so many steps.
func longJournal(b testing.TB, steps int) pipeline.Folder {
	b.Helper()
	folder := pipeline.Folder(b.TempDir())
	journal, err := pipeline.OpenJournal(folder.Journal())
	if err != nil {
		b.Fatal(err)
	}
	journal.Append(sample.Journal()[0].Body)
	for step := range steps {
		journal.Append(pipeline.StepDone{Stage: pipeline.StageFineTune, Epoch: 1, Epochs: 1, Step: step + 1, Steps: steps, GlobalStep: step + 1, Loss: 1 / finite.OrNull(step+1), LearningRate: 0.1})
	}
	if err := journal.Close(); err != nil {
		b.Fatal(err)
	}
	return folder
}

// A long journal is shown as it is read: the first frame has its beginning and
// says how far the reading is, keys are answered meanwhile, and at last all is
// there.
func TestALongRunIsShownAsItIsRead(t *testing.T) {
	const steps = 20 * batch
	replay, err := pipeline.OpenReplay(longJournal(t, steps), false)
	if err != nil {
		t.Fatal(err)
	}
	defer replay.Close()
	a := newTestApp(t, sample.Finished(nil), 100, 30)
	cmd := a.show(newView(replay))
	for frames := 1; cmd != nil; frames++ {
		msg := cmd().(eventsMsg)
		_, cmd = a.Update(msg)
		a.Update(keyMsg("2")) // drawn whenever a key is pressed
		read := a.scene.run.Step.GlobalStep
		switch header, _, _ := strings.Cut(a.View(), "\n"); {
		case len(msg.events) == batch:
			if read != frames*batch-1 || !strings.Contains(header, fmt.Sprintf("READING %2d%%", int(100*replay.Share()+0.5))) {
				t.Fatalf("after %d steps: %s", read, header)
			}
			continue
		case read != steps || strings.Contains(header, "READING") || frames != 21:
			t.Fatalf("after all %d steps, %d times: %s", read, frames, header)
		}
		break
	}
}

// BenchmarkQuit is the time from a key to the restored terminal.
func BenchmarkQuit(b *testing.B) {
	var total time.Duration
	for range b.N {
		s := openSession(b, sample.Finished(sample.Journal()))
		s.tty.wait(b)
		begin := time.Now()
		if _, err := io.WriteString(s.keys, "q"); err != nil {
			b.Fatal(err)
		}
		<-s.left
		total += time.Since(begin)
		s.left <- nil
	}
	b.ReportMetric(total.Seconds()*1e3/float64(b.N), "ms/quit")
}

// trainingRun begins to train a ResNet-20 on all cores and returns its events
// after some steps.
func trainingRun(b testing.TB) *pipeline.Watcher {
	b.Helper()
	e, err := configs.Load("smoke", []string{"data.train=1024", "model.depth=20", "dense.epochs=100000", "dense.batch=128"})
	if err != nil {
		b.Fatal(err)
	}
	run, err := pipeline.Create(b.TempDir(), "run", e)
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if _, err := run.Do(ctx, pipeline.Parts{}); err != nil {
			b.Error(err)
		}
	}()
	watcher := run.Hub.Watch()
	b.Cleanup(func() {
		cancel()
		<-ended
		watcher.Close()
		run.Close()
	})
	awaitSteps(watcher, 10)
	return watcher
}

// awaitSteps waits for so many more steps.
func awaitSteps(w *pipeline.Watcher, n int) {
	events := w.Since(0, math.MaxInt)
	after := int64(len(events))
	for n > 0 {
		<-w.Changed()
		for _, e := range w.Since(after, math.MaxInt) {
			if after = e.Seq; e.Body.Kind() == (pipeline.StepDone{}).Kind() {
				n--
			}
		}
	}
}

// BenchmarkKeyWhileTraining is the time from a key to its effect on the terminal
// while a network is trained on every core.
func BenchmarkKeyWhileTraining(b *testing.B) {
	watcher := trainingRun(b)
	s := openSession(b, watcher)
	s.tty.wait(b)
	var times []time.Duration
	tabs := []string{"1 Loss", "2 Layers"}
	for i := range b.N {
		tab := tabs[(i+1)%2]
		times = append(times, s.press(b, tab[:1], selected(tab)))
		time.Sleep(time.Duration(20+i%50) * time.Millisecond) // in no rhythm with the frames
	}
	slices.Sort(times)
	at := func(share float64) float64 { return times[int(share*float64(len(times)-1))].Seconds() * 1e3 }
	b.ReportMetric(at(0.5), "ms/key-median")
	b.ReportMetric(at(0.95), "ms/key-95%")
	b.ReportMetric(at(1), "ms/key-longest")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkTrainingBesideTheScreen trains in turn with and without the screen
// on, 20 steps each; an operation is one turn of both, the order changing. What
// it reports are the medians of the steps' times, so that neither warming up
// nor what else the machine does counts.
func BenchmarkTrainingBesideTheScreen(b *testing.B) {
	watcher := trainingRun(b)
	var with, without []float64
	turn := func(screen bool) {
		src := shared{watcher, make(chan struct{}, 1)}
		if screen {
			s := openSession(b, src)
			s.tty.wait(b)
			with = append(with, stepTimes(watcher, src.signal, 12)...)
			s.end()
			return
		}
		without = append(without, stepTimes(watcher, src.signal, 12)...)
	}
	for i := range b.N {
		turn(i%2 == 0)
		turn(i%2 != 0)
	}
	// What else the machine does makes steps longer, never shorter: of the quicker
	// quarter of steps it tells least. A frame is drawn within nearly every step.
	on, off := quartile(with), quartile(without)
	b.ReportMetric(128/off, "img/s-without")
	b.ReportMetric(128/on, "img/s-with")
	b.ReportMetric(100*(on/off-1), "%-slower")
	b.ReportMetric(0, "ns/op")
}

// What a frame writes on average when one step was done and the chart's axis
// stays. Bubble Tea writes whole rows that changed: the header, the readout, and
// those of the chart that the curve's last columns pass through, with the panes
// beside it. The others are not rewritten. The budget at 200×60 is 2 kB.
func TestBytesPerFrame(t *testing.T) {
	for _, c := range []struct{ width, height, most int }{{80, 24, 600}, {120, 36, 900}, {200, 60, 1900}} {
		t.Run(fmt.Sprintf("%dx%d", c.width, c.height), func(t *testing.T) {
			t.Parallel()
			src := during(6, 62) // of a thousand steps, so that another one moves no axis
			s := openSessionOf(t, src, c.width, c.height)
			s.tty.wait(t)
			step := func() int {
				writes, _ := s.tty.written()
				src.Tell(1)
				for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
					if now, bytes := s.tty.written(); now > writes {
						return bytes
					}
				}
				t.Fatal("the screen does not draw")
				return 0
			}
			const frames = 30
			begin := step()
			for range frames - 1 {
				step()
			}
			got := (step() - begin) / frames
			t.Logf("%d bytes a frame", got)
			if got > c.most {
				t.Errorf("%d bytes a frame, want at most %d", got, c.most)
			}
		})
	}
}

// A shared source is a watcher that tells the screen of its signals.
type shared struct {
	*pipeline.Watcher
	signal chan struct{}
}

func (s shared) Changed() <-chan struct{} { return s.signal }

// stepTimes waits for so many steps, hands the signals on, and returns the
// seconds that the steps took, but for the first.
func stepTimes(w *pipeline.Watcher, signal chan<- struct{}, n int) []float64 {
	var times []float64
	var last time.Time
	after := int64(len(w.Since(0, math.MaxInt)))
	for len(times) < n {
		<-w.Changed()
		select {
		case signal <- struct{}{}:
		default:
		}
		for _, e := range w.Since(after, math.MaxInt) {
			after = e.Seq
			if e.Body.Kind() != (pipeline.StepDone{}).Kind() {
				last = time.Time{} // what lies between epochs is no step
				continue
			}
			if !last.IsZero() {
				times = append(times, e.Time.Sub(last).Seconds())
			}
			last = e.Time
		}
	}
	return times
}

// quartile returns the value that a quarter of the values is below.
func quartile(v []float64) float64 {
	sorted := slices.Sorted(slices.Values(v))
	return sorted[len(sorted)/4]
}

// However busy the cores are, and however long the run does not answer, keys
// are answered.
func TestKeysAreAnsweredWhileEveryCoreComputes(t *testing.T) {
	stop := make(chan struct{})
	var busy sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		busy.Go(func() {
			x := 1.0
			for {
				select {
				case <-stop:
					return
				default:
					for range 100_000 {
						x = math.Sqrt(x + 1)
					}
				}
			}
		})
	}
	s := openSession(t, during(2, 10))
	s.tty.wait(t)
	for i, tab := range []string{"2 Layers", "4 Scales", "1 Loss"} {
		t.Logf("key %d: %v", i+1, s.press(t, tab[:1], selected(tab)))
	}
	close(stop)
	busy.Wait()
}

// A stuck source neither tells anything nor takes commands in time.
type stuck struct {
	*sample.Source
	free chan struct{}
}

func (s *stuck) Since(after int64, limit int) []pipeline.Event {
	if after > 0 {
		<-s.free
	}
	return s.Source.Since(after, limit)
}

func TestKeysAreAnsweredWhileTheRunTellsNothing(t *testing.T) {
	src := &stuck{during(2, 10), make(chan struct{})}
	defer close(src.free)
	s := openSession(t, src)
	s.tty.wait(t)
	for _, tab := range []string{"2 Layers", "3 Calibration", "1 Loss"} {
		s.press(t, tab[:1], selected(tab))
	}
	s.press(t, "q", "detach")
}

// Ten million steps take no more memory than one million.
func TestMemoryIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("ten million steps take seconds")
	}
	run := &state.Run{}
	run.Apply(sample.Journal()[0])
	used := func(to int) uint64 {
		for step := run.Step.GlobalStep + 1; step <= to; step++ {
			run.Apply(pipeline.Event{Seq: run.Seq + 1, Time: testTime, Body: pipeline.StepDone{
				Stage: pipeline.StageFineTune, Epochs: 1, Steps: to, Step: step, GlobalStep: step, Loss: 1 / finite.OrNull(step), LearningRate: 0.1}})
			if step%5000 == 0 {
				run.Apply(pipeline.Event{Seq: run.Seq + 1, Time: testTime, Body: pipeline.EpochDone{ValCount: 1, ValLoss: 1, GlobalStep: step}})
				run.Apply(pipeline.Event{Seq: run.Seq + 1, Time: testTime, Body: pipeline.Note{GlobalStep: step, Text: fmt.Sprint(step)}})
			}
		}
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	few := used(1_000_000)
	many := used(10_000_000)
	t.Logf("%.1f MB after a million steps, %.1f MB after ten", float64(few)/1e6, float64(many)/1e6)
	if many > few+few/4+1<<20 {
		t.Errorf("%d bytes after a million steps, %d after ten", few, many)
	}
	if n := run.Train.Len(); n != 10_000_000 {
		t.Errorf("%d steps are counted", n)
	}
	runtime.KeepAlive(run)
}
