package pipeline

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"espalier/compress/prune"
	"espalier/configs"
	"espalier/model"
	"espalier/model/kernel"
)

// resumeTo continues a run until it is done and compares it with the
// undisturbed one.
func resumeTo(t *testing.T, folder Folder, name string) {
	t.Helper()
	want, undisturbed := reference(t)
	r, err := Continue(folder)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	defer r.Close()
	done, events := do(t, r, tinyParts())
	if done.Status != StatusDone {
		t.Errorf("%s: %+v", name, done)
	}
	if hash := journalHash(t, folder); hash != want {
		t.Errorf("%s: the journal differs from the undisturbed run's:\n%s", name, firstDifference(undisturbed, events))
	}
}

// TestStoppedAndResumed ends the context after every seventeenth event, as SIGTERM
// does, and resumes.
func TestStoppedAndResumed(t *testing.T) {
	_, events := reference(t)
	stops := 0
	for at := int64(2); at < int64(len(events)); at += 17 {
		r := create(t, tiny(t))
		ctx, cancel := context.WithCancel(context.Background())
		watcher := r.Hub.Watch()
		go func() {
			for range watcher.Changed() {
				if r.Hub.Seq() >= at {
					cancel()
					return
				}
			}
		}()
		done, err := r.Do(ctx, tinyParts())
		cancel()
		watcher.signal()
		watcher.Close()
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		if done.Status == StatusDone {
			continue // the rest took no breath
		}
		if done.Status != StatusStopped || !strings.HasPrefix(done.Reason, "stopped by signal") {
			t.Errorf("%+v", done)
		}
		resumeTo(t, r.Folder, fmt.Sprintf("stopped at event %d", at))
		stops++
	}
	if t.Logf("stopped and resumed %d times", stops); stops < 5 {
		t.Errorf("stopped %d times, want 5 at least", stops)
	}
}

// TestDamagedCheckpoints cuts the newest checkpoint short: the one before it is
// used, and the run says so.
func TestDamagedCheckpoints(t *testing.T) {
	damage := func(t *testing.T, path string) {
		t.Helper()
		if err := os.Truncate(path, 1000); err != nil {
			t.Fatal(err)
		}
	}
	r := create(t, tiny(t))
	parts := tinyParts()
	parts.CheckpointEvery = time.Nanosecond
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	watcher := r.Hub.Watch()
	defer watcher.Close()
	go func() {
		for range watcher.Changed() {
			if s := r.Hub.State(); s.GlobalStep >= 10 || s.Done != nil {
				cancel()
				return
			}
		}
	}()
	if _, err := r.Do(ctx, parts); err != nil {
		t.Fatal(err)
	}
	r.Close()
	steps, warnings := readSteps(r.Folder, math.MaxInt64)
	if len(steps) != 2 || len(warnings) != 0 || steps[0].seq <= steps[1].seq {
		t.Fatalf("%d step checkpoints, %v", len(steps), warnings)
	}
	damage(t, r.Folder.Path(steps[0].file))
	p, err := findPast(r.Folder)
	if err != nil || p.file != steps[1].file || len(p.warnings) != 1 || !strings.Contains(p.warnings[0], steps[0].file) {
		t.Fatalf("%v %q %v", err, p.file, p.warnings)
	}
	damage(t, r.Folder.Path(steps[1].file))
	if p, err = findPast(r.Folder); err != nil || p.file != denseCheckpoint || !p.dense || len(p.warnings) != 2 {
		t.Fatalf("%v %q %v", err, p.file, p.warnings)
	}
	damage(t, r.Folder.Path(denseCheckpoint))
	if p, err = findPast(r.Folder); err != nil || p.file != "" || p.net != nil || p.seq != 1 || len(p.warnings) != 3 {
		t.Fatalf("%v %q %v", err, p.file, p.warnings)
	}
	resumeTo(t, r.Folder, "all checkpoints damaged")
	state, err := ReadState(r.Folder)
	if err != nil || state.Continued != 1 || len(state.Problems) != 3 {
		t.Errorf("%v %+v", err, state.Problems)
	}
}

// TestLostEvents cuts the journal off before the newest checkpoint, as a power
// cut can whose disk wrote in another order than it was told: that checkpoint is
// not used, since events would be missing, and the bits are the same.
func TestLostEvents(t *testing.T) {
	r := create(t, tiny(t))
	parts := tinyParts()
	parts.CheckpointEvery = time.Nanosecond
	stopAt(t, r, parts, func(b Body) bool { s, ok := b.(StepDone); return ok && s.Round == 1 && s.Step == 3 })
	steps, _ := readSteps(r.Folder, math.MaxInt64)
	if len(steps) != 2 {
		t.Fatalf("%d step checkpoints", len(steps))
	}
	j := open(t, r.Folder.Journal())
	if _, err := j.Rewind(steps[0].seq - 1); err != nil {
		t.Fatal(err)
	}
	p, err := findPast(r.Folder)
	if err != nil || p.file != steps[1].file || len(p.warnings) != 1 || !strings.Contains(p.warnings[0], "the journal ends at") {
		t.Errorf("%v, %q, %q", err, p.file, p.warnings)
	}
	resumeTo(t, r.Folder, "a journal that lost events")
}

// TestAnotherRoundsNetwork puts a whole file of another network in the place of
// a round's checkpoint: it is not used.
func TestAnotherRoundsNetwork(t *testing.T) {
	r := create(t, tiny(t))
	row := stopAt(t, r, tinyParts(), func(b Body) bool { _, ok := b.(RoundDone); return ok }).(RoundDone)
	for _, file := range stepCheckpoints {
		os.Remove(r.Folder.Path(file))
	}
	if p, err := findPast(r.Folder); err != nil || p.file != row.Checkpoint {
		t.Fatalf("%v, %q", err, p.file)
	}
	dense, err := os.ReadFile(r.Folder.Path(denseCheckpoint))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(r.Folder.Path(row.Checkpoint), dense, 0o644); err != nil {
		t.Fatal(err)
	}
	p, err := findPast(r.Folder)
	if err != nil || p.file != denseCheckpoint || len(p.warnings) != 1 || !strings.Contains(p.warnings[0], row.Checkpoint) {
		t.Errorf("%v, %q, %q", err, p.file, p.warnings)
	}
	resumeTo(t, r.Folder, "another network in a round's place")
}

// stopAt stops a run, as SIGTERM does, soon after the first event that is as
// wanted, and closes it.
func stopAt(t *testing.T, r *Run, parts Parts, wanted func(Body) bool) Body {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	watcher := r.Hub.Watch()
	defer watcher.Close()
	ended := make(chan struct{})
	go func() { defer close(ended); r.Do(ctx, parts) }()
	b := reader(t, watcher)(wanted)
	cancel()
	<-ended
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestNothingToResume(t *testing.T) {
	r := create(t, tiny(t))
	do(t, r, tinyParts())
	if _, err := Continue(r.Folder); !errors.Is(err, errLocked) {
		t.Errorf("while it is open: %v", err)
	}
	r.Close()
	if _, err := Continue(r.Folder); err == nil || !strings.Contains(err.Error(), "done already") {
		t.Errorf("a run that is done: %v", err)
	}
	if _, err := Continue(Folder(t.TempDir())); err == nil {
		t.Error("an empty folder")
	}
}

func TestListRuns(t *testing.T) {
	root := t.TempDir()
	if runs, err := ListRuns(filepath.Join(root, "none")); err != nil || len(runs) != 0 {
		t.Errorf("%v %v", runs, err)
	}
	first, err := Create(root, "", tiny(t))
	if err != nil {
		t.Fatal(err)
	}
	do(t, first, tinyParts())
	first.Close()
	second, err := Create(root, "second", tiny(t))
	if err != nil {
		t.Fatal(err)
	}
	second.Hub.Publish(RunStarted{Experiment: "smoke"})
	if _, err := Create(root, "second", tiny(t)); err == nil {
		t.Error("the same name twice")
	}
	status := func() (all []string) {
		runs, err := ListRuns(root)
		if err != nil {
			t.Fatal(err)
		}
		live, err := LiveRuns(root)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range runs {
			all = append(all, r.Status)
			if status := r.Folder.Status(); status != r.Status || slices.Contains(live, r.Folder) != (status == StatusLive) {
				t.Errorf("%s is %s, at a glance %s; of the live ones: %v", r.Folder.Name(), r.Status, status, live)
			}
		}
		return all
	}
	if have := fmt.Sprint(status()); have != "[live done]" {
		t.Error(have)
	}
	second.Close()
	if have := fmt.Sprint(status()); have != "[dead done]" {
		t.Error(have)
	}
	var e configs.Experiment
	if e, err = first.Folder.LoadExperiment(); err != nil || e.Name != "smoke" {
		t.Errorf("%q %v", e.Name, err)
	}
	if files, err := WriteReport(first.Folder); err != nil || len(files) != 4 {
		t.Errorf("%v %v", files, err)
	}
}

// A listing that is refreshed is what a new one would be, and of the journal
// only what came since is read.
func TestAListingIsRefreshed(t *testing.T) {
	f := Folder(t.TempDir())
	j := open(t, f.Journal())
	j.Append(RunStarted{Experiment: "smoke"})
	j.Append(Sparsity{Round: 1, Sparsity: 0.1})
	before := f.Listing()
	same := func(l Listing) {
		t.Helper()
		if diff := cmp.Diff(f.Listing(), l, cmp.AllowUnexported(Listing{})); diff != "" {
			t.Errorf("−new +refreshed:\n%s", diff)
		}
	}
	same(before.Refresh())
	j.Append(Sparsity{Round: 1, Sparsity: 0.2})
	j.Append(Note{Text: "here"})
	same(before.Refresh())
	if s := before.State.Sparsities[0].Sparsity; s != 0.1 {
		t.Errorf("refreshing a listing changes it: sparsity %g", s)
	}
	after := before.Refresh()
	if _, err := j.Rewind(1); err != nil {
		t.Fatal(err)
	}
	same(after.Refresh()) // it is shorter
	for range 5 {
		j.Append(Note{Text: "of another length"})
	}
	same(after.Refresh()) // it is longer again
	before = f.Listing()
	j.Append(RunDone{Status: StatusDone})
	file, err := os.OpenFile(f.Journal(), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteAt(make([]byte, 40), 0); err != nil {
		t.Fatal(err)
	}
	if l := before.Refresh(); l.Err != nil || l.Status != StatusDone {
		t.Errorf("%s, %v: what was read is read again", l.Status, l.Err)
	}
}

// tuning returns a runner in the middle of fine-tuning, with masks.
func tuning(t testing.TB, set ...string) *runner {
	t.Helper()
	run, err := Create(t.TempDir(), "run", tiny(t, set...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { run.Close() })
	r := newRunner(context.Background(), run, tinyParts())
	if r.net, err = r.spec().Build(); err != nil {
		t.Fatal(err)
	}
	r.net.Init(1)
	if r.data, err = tinyData(); err != nil {
		t.Fatal(err)
	}
	if err := prune.Magnitude(r.net, 0.5, prune.Edges{}); err != nil {
		t.Fatal(err)
	}
	kernels, err := kernel.Select("auto")
	if err != nil {
		t.Fatal(err)
	}
	r.engine = model.NewEngine(kernels, 1, model.Auto)
	t.Cleanup(r.engine.Close)
	if r.training, err = r.plan(StageFineTune, 1, r.e.FineTune, 1); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestCheckpointEveryMinute looks when training saves by itself, where nobody
// asks for anything.
func TestCheckpointEveryMinute(t *testing.T) {
	r := tuning(t)
	if r.parts.CheckpointEvery != time.Minute {
		t.Errorf("a checkpoint is due after %s", r.parts.CheckpointEvery)
	}
	// Far from the minute, so that a machine that sleeps in between changes nothing.
	for _, c := range []struct {
		since time.Duration
		want  int // checkpoints so far
	}{{-time.Hour, 0}, {time.Minute, 1}, {-time.Hour, 1}, {time.Minute, 2}, {time.Hour, 2}} {
		r.saved = time.Now().Add(-c.since)
		if err := r.breathe(); err != nil {
			t.Fatal(err)
		}
		if have := len(checkpoints(t, r.folder)); have != c.want {
			t.Errorf("%s after the last one: %d checkpoints, want %d", c.since, have, c.want)
		}
	}
	if r.saves != 3 {
		t.Errorf("saved %d times, want 3: the third over the first", r.saves)
	}
}

// BenchmarkCheckpoint saves the state of a training, as it is saved after every
// minute of work: ms/save, and per cent of that minute.
func BenchmarkCheckpoint(b *testing.B) {
	for _, depth := range []int{20, 56} {
		b.Run(fmt.Sprintf("depth=%d", depth), func(b *testing.B) {
			r := tuning(b, fmt.Sprintf("model.depth=%d", depth))
			for b.Loop() {
				r.hub.Publish(Log{Text: "so that the journal has something to sync"})
				if err := r.saveStep(); err != nil {
					b.Fatal(err)
				}
			}
			perSave := b.Elapsed().Seconds() / float64(b.N)
			b.ReportMetric(1000*perSave, "ms/save")
			b.ReportMetric(100*perSave/time.Minute.Seconds(), "%-of-time")
		})
	}
}
