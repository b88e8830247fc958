package pipeline

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"espalier/model/weights"
)

// What tells the process to be killed where to compute, how often to save, and
// with how many threads.
const (
	killedFolder  = "ESPALIER_TEST_KILLED_FOLDER"
	killedEvery   = "ESPALIER_TEST_KILLED_EVERY"
	killedThreads = "ESPALIER_TEST_KILLED_THREADS"
)

// TestKilledProcess is the process that other tests kill: it computes the tiny
// experiment, or goes on with it, and prints a line for every event.
func TestKilledProcess(t *testing.T) {
	root := os.Getenv(killedFolder)
	if root == "" {
		t.Skip("only runs as a process of other tests")
	}
	folder := Folder(filepath.Join(root, "run"))
	var r *Run
	var err error
	if _, missing := os.Stat(folder.Journal()); missing == nil {
		r, err = Continue(folder)
	} else {
		os.RemoveAll(string(folder)) // killed before there was a journal
		r, err = Create(root, "run", tiny(t))
	}
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if r.Experiment.Engine.Threads, err = strconv.Atoi(os.Getenv(killedThreads)); err != nil {
		t.Fatal(err)
	}
	parts := tinyParts()
	if parts.CheckpointEvery, err = time.ParseDuration(os.Getenv(killedEvery)); err != nil {
		t.Fatal(err)
	}
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

// killable prepares a process that computes the tiny experiment in a folder.
func killable(root string, every time.Duration, threads int) *exec.Cmd {
	p := exec.Command(os.Args[0], "-test.run=^TestKilledProcess$", "-test.count=1")
	p.Env = append(os.Environ(), killedFolder+"="+root, killedEvery+"="+every.String(), killedThreads+"="+strconv.Itoa(threads))
	return p
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
		process := killable(root, time.Nanosecond, 0) // saves after every step
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

// TestKilledAtRandom kills real processes at 20 instants that are drawn anew
// each time the test runs, uniformly over the life of one that is left alone.
// Each is followed by a process that goes on with what the killed one left, with
// one thread or two, saving after every step or at the ends of stages alone.
// Every run that comes to its end has the journal and the networks of one that
// nobody disturbed.
func TestKilledAtRandom(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	const wanted = 20
	seed := uint64(time.Now().UnixNano())
	t.Logf("the instants are drawn with seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))

	// start runs a process and, unless it ends before, kills it after a time.
	start := func(root string, after time.Duration) (killed bool, life time.Duration) {
		t.Helper()
		every := []time.Duration{time.Nanosecond, time.Hour}[rng.IntN(2)]
		process := killable(root, every, 1+rng.IntN(2))
		var output strings.Builder
		process.Stdout, process.Stderr = &output, &output
		began := time.Now()
		if err := process.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(after, func() { process.Process.Kill() })
		err := process.Wait()
		timer.Stop()
		if err != nil && process.ProcessState.ExitCode() != -1 {
			t.Fatalf("the process failed by itself: %v\n%s", err, &output)
		}
		return err != nil, time.Since(began)
	}
	const never = time.Hour
	calm := t.TempDir()
	_, life := start(calm, never)
	want := outcome(t, calm)
	if hash, _ := reference(t); want["journal"] != hash {
		t.Fatal("another process gives another journal")
	}

	var instants []string
	var kills, within, runs int // kills between a run's first event and its last
	for root, last := t.TempDir(), false; !last; root = t.TempDir() {
		for {
			after := time.Duration(rng.Float64() * float64(life))
			if last = kills == wanted; last {
				after = never // let it come to its end
			}
			killed, took := start(root, after)
			state, err := ReadState(Folder(filepath.Join(root, "run")))
			if killed {
				kills++
				instants = append(instants, fmt.Sprintf("%.0f", 1000*after.Seconds()))
			} else {
				life = took // the machine's present speed
			}
			if err == nil && state.Done != nil {
				break
			}
			if !killed {
				t.Fatalf("the process ended and the run did not: %v", err)
			}
			if err == nil && state.Started != nil {
				within++
			}
		}
		runs++
		if diff := cmp.Diff(want, outcome(t, root)); diff != "" {
			t.Fatalf("run %d, after kills at %v ms of a process's life, differs from the undisturbed one (−want +have):\n%s", runs, instants, diff)
		}
	}
	t.Logf("%d processes killed, %d of them inside a run, in %d runs that all ended alike; ms after their start: %s", kills, within, runs, strings.Join(instants, " "))
	if within == 0 {
		t.Error("no kill came between the first event of a run and its last")
	}
}

// outcome returns the hashes of what the run in root ended with: of the journal,
// and of the tensors in every file.
func outcome(t *testing.T, root string) map[string]string {
	t.Helper()
	folder := Folder(filepath.Join(root, "run"))
	hashes := map[string]string{"journal": journalHash(t, folder)}
	files := []string{"quantized.safetensors"}
	for _, name := range checkpoints(t, folder) {
		files = append(files, "checkpoints/"+name)
	}
	for _, name := range files {
		tensors, _, err := weights.Read(folder.Path(name))
		if err != nil {
			t.Fatal(err)
		}
		hashes[name] = weights.Hash(tensors)
	}
	var result Result
	document, err := os.ReadFile(folder.Result())
	if err == nil {
		err = json.Unmarshal(document, &result)
	}
	if err != nil {
		t.Fatal(err)
	}
	hashes["result.json"] = result.Journal
	return hashes
}
