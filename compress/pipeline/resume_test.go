package pipeline

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"espalier/configs"
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
	if t.Logf("stopped and resumed %d times", stops); stops < 3 {
		t.Error("hardly ever stopped")
	}
}

const killedFolder = "ESPALIER_TEST_KILLED_FOLDER"

// TestKilledProcess is the process that TestKilledAndResumed kills. It prints
// a line for every event.
func TestKilledProcess(t *testing.T) {
	root := os.Getenv(killedFolder)
	if root == "" {
		t.Skip("only runs as a process of TestKilledAndResumed")
	}
	folder := Folder(filepath.Join(root, "run"))
	var r *Run
	var err error
	if _, missing := os.Stat(folder.Journal()); missing == nil {
		r, err = Continue(folder)
	} else {
		r, err = Create(root, "run", tiny(t))
	}
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	parts := tinyParts()
	parts.CheckpointEvery = time.Nanosecond // after every step
	watcher := r.Hub.Watch()
	defer watcher.Close()
	printed := make(chan struct{})
	go func() {
		defer close(printed)
		follow(context.Background(), watcher, func(e Event) error {
			fmt.Println("event", e.Seq)
			return nil
		})
	}()
	if _, err := r.Do(context.Background(), parts); err != nil {
		t.Fatal(err)
	}
	<-printed
}

// TestKilledAndResumed kills a real process at several moments of its life,
// each time after some more events, and wants the undisturbed run's bits.
func TestKilledAndResumed(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	root := t.TempDir()
	folder := Folder(filepath.Join(root, "run"))
	kills := 0
	for {
		process := exec.Command(os.Args[0], "-test.run=^TestKilledProcess$", "-test.count=1")
		process.Env = append(os.Environ(), killedFolder+"="+root)
		output, err := process.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := process.Start(); err != nil {
			t.Fatal(err)
		}
		// It prints what the journal holds at first, so each process gets a
		// little further than the one before.
		lines := bufio.NewScanner(output)
		var events int
		var others []string
		for lines.Scan() {
			if !strings.HasPrefix(lines.Text(), "event ") {
				others = append(others, lines.Text())
			} else if events++; events == 5+7*kills {
				process.Process.Kill()
			}
		}
		if err := process.Wait(); err == nil {
			break
		} else if process.ProcessState.ExitCode() != -1 {
			t.Fatalf("the process failed by itself: %v\n%s", err, strings.Join(others, "\n"))
		}
		if kills++; kills > 60 {
			t.Fatal("the run does not get on")
		}
		if state, err := ReadState(folder); err == nil && state.Done != nil {
			break // it was over when the kill came
		}
	}
	want, undisturbed := reference(t)
	if hash := journalHash(t, folder); hash != want {
		var events []Event
		ReadJournal(folder.Journal(), func(e Event) error { events = append(events, e); return nil })
		t.Errorf("the journal differs from the undisturbed run's:\n%s", firstDifference(undisturbed, events))
	}
	state, err := ReadState(folder)
	if err != nil || kills < 10 || state.Done == nil {
		t.Errorf("%d kills, continued %d times, %v", kills, state.Continued, err)
	}
	t.Logf("killed %d times", kills)
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
	steps, warnings := readSteps(r.Folder)
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

func TestNothingToResume(t *testing.T) {
	r := create(t, tiny(t))
	do(t, r, tinyParts())
	if _, err := Continue(r.Folder); !errors.Is(err, ErrLocked) {
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

// TestAttach steers a live run through its socket and follows its journal, as
// another process does.
func TestAttach(t *testing.T) {
	r := create(t, tiny(t, "fine_tune.epochs=500"))
	if info, err := os.Stat(r.Folder.socket()); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	if !r.Folder.Live() {
		t.Error("the run is not live")
	}
	ended := make(chan RunDone)
	go func() {
		done, _ := r.Do(context.Background(), tinyParts())
		ended <- done
	}()
	<-r.Hub.Changed() // it has begun
	replay, err := OpenReplay(r.Folder, true)
	if err != nil {
		t.Fatal(err)
	}
	defer replay.Close()
	var after int64
	until := func(wanted func(Body) bool) {
		for {
			for _, e := range replay.Since(after, math.MaxInt) {
				if e.Seq != after+1 {
					t.Fatalf("event %d after %d", e.Seq, after)
				}
				after = e.Seq
				if wanted(e.Body) {
					return
				}
			}
			<-replay.Changed()
		}
	}
	until(func(b Body) bool { s, ok := b.(StepDone); return ok && s.Round == 1 })
	if err := replay.Send(Command{Do: "dance"}); err == nil || !strings.Contains(err.Error(), "unknown command") {
		t.Errorf("%v", err)
	}
	if err := replay.Send(Command{Do: Pause, Source: "socket"}); err != nil {
		t.Fatal(err)
	}
	until(func(b Body) bool { p, ok := b.(Paused); return ok && p.Source == "socket" })
	if err := replay.Send(Command{Do: StopNow, Source: "socket"}); err != nil {
		t.Fatal(err)
	}
	until(func(b Body) bool { d, ok := b.(RunDone); return ok && d.Status == StatusStopped })
	if done := <-ended; done.Status != StatusStopped {
		t.Errorf("%+v", done)
	}
	if err := replay.Send(Command{Do: Pause}); err == nil {
		t.Error("a command after the end is taken")
	}
	r.Close()
	if r.Folder.Live() {
		t.Error("the run is live after its end")
	}
	if _, err := Dial(r.Folder); !errors.Is(err, ErrNotLive) {
		t.Errorf("%v", err)
	}
	listing := r.Folder.Listing()
	if listing.Status != StatusStopped || listing.Err != nil {
		t.Errorf("%+v", listing)
	}
}

// TestStaleSocket leaves a socket behind, as a killed process does.
func TestStaleSocket(t *testing.T) {
	f := Folder(filepath.Join(t.TempDir(), strings.Repeat("long", 30))) // beyond the system's limit
	if err := os.Mkdir(string(f), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(f.socket(), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Dial(f); !errors.Is(err, ErrNotLive) {
		t.Errorf("%v", err)
	}
	var got []Command
	s, err := Serve(f, func(c Command) error { got = append(got, c); return errQueueFull })
	if err != nil {
		t.Fatal(err)
	}
	remote, err := Dial(f)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Send(Command{Do: Pause}); err == nil || err.Error() != errQueueFull.Error() {
		t.Errorf("%v", err)
	}
	remote.Close()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || got[0].Do != Pause {
		t.Errorf("%+v", got)
	}
	if _, err := os.Stat(f.socket()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket remains: %v", err)
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
		for _, r := range runs {
			all = append(all, r.Status)
		}
		return all
	}
	if have := fmt.Sprint(status()); have != "[live done]" {
		t.Error(have)
	}
	second.Close()
	if have := fmt.Sprint(status()); have != "[interrupted done]" {
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
