//go:build unix

package cli

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/goleak"

	"espalier/compress/pipeline"
	"espalier/configs"
	"espalier/dataset"
)

// asProgram makes the test binary the program itself, so that tests can start
// it as a process, signal it and take things away from it.
const asProgram = "ESPALIER_TEST_AS_PROGRAM"

// broken is the value of asProgram that makes it a program whose images have
// labels that do not exist, at which the workers panic.
const broken = "broken"

func TestMain(m *testing.M) {
	switch os.Getenv(asProgram) {
	case "":
		goleak.VerifyTestMain(m)
	case broken:
		os.Exit(execute(context.Background(), newBroken(), os.Stderr))
	default:
		os.Exit(Main())
	}
}

// newBroken returns a command that runs the experiment smoke on broken images.
func newBroken() *cobra.Command {
	var f displayFlags
	cmd := &cobra.Command{
		Use: "broken", SilenceErrors: true, SilenceUsage: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			e, err := configs.Load("smoke", []string{"engine.threads=2"})
			if err != nil {
				return err
			}
			run, err := pipeline.Create(defaultRuns, "", e)
			if err != nil {
				return err
			}
			return f.compute(cmd, run, pipeline.Parts{Open: func(o dataset.Options) (*dataset.Data, error) {
				d, err := dataset.Open(o)
				for i := range d.Train.Labels {
					d.Train.Labels[i] = 200
				}
				return d, err
			}})
		},
	}
	f.add(cmd)
	return cmd
}

// short is an experiment of a second: 8 steps, one round of 4, one size.
var short = []string{"run", "smoke", "--plain", "--threads", "1", "--set", "prune.targets=[0.5]", "--set", "sweep.sizes=[1]"}

// endless is one that lasts until it is stopped.
var endless = append(short[:len(short):len(short)], "--set", "fine_tune.epochs=100000")

// program prepares a process of the program in a folder of its own, with an
// empty cache. Its runs are in dir/runs.
func program(t *testing.T, dir string, args ...string) *exec.Cmd {
	t.Helper()
	p := exec.Command(os.Args[0], args...)
	p.Dir = dir
	p.Env = append(os.Environ(), asProgram+"=1", "HOME="+dir, "XDG_CACHE_HOME="+filepath.Join(dir, "cache"), "CI=", "TERM=xterm-256color")
	t.Cleanup(func() {
		if p.ProcessState == nil && p.Process != nil {
			p.Process.Kill()
			p.Wait()
		}
	})
	return p
}

// start starts a process whose lines are read one by one; standard error is
// among them.
func start(t *testing.T, p *exec.Cmd) *bufio.Reader {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { read.Close() })
	p.Stdout, p.Stderr = write, write
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	write.Close()
	return bufio.NewReader(read)
}

// until reads lines up to one that holds a text.
func until(t *testing.T, lines *bufio.Reader, text string) string {
	t.Helper()
	var all strings.Builder
	for {
		line, err := lines.ReadString('\n')
		if all.WriteString(line); strings.Contains(line, text) {
			return line
		}
		if err != nil {
			t.Fatalf("no line says %q:\n%s", text, all.String())
		}
	}
}

// exit reads the rest of a process's lines and returns its exit code: -1 when
// a signal ended it.
func exit(t *testing.T, p *exec.Cmd, lines io.Reader) (code int, rest string) {
	t.Helper()
	text, err := io.ReadAll(lines)
	if err != nil {
		t.Fatal(err)
	}
	p.Wait()
	return p.ProcessState.ExitCode(), string(text)
}

// onlyRun returns the run in dir/runs.
func onlyRun(t *testing.T, dir string) pipeline.Folder {
	t.Helper()
	journals, _ := filepath.Glob(filepath.Join(dir, "runs", "*", "journal.jsonl"))
	if len(journals) != 1 {
		t.Fatalf("%d runs", len(journals))
	}
	return pipeline.Folder(filepath.Dir(journals[0]))
}

// bits returns a run's hash, and fails the test when it is not done.
func bits(t *testing.T, run pipeline.Folder) string {
	t.Helper()
	if l := run.Listing(); l.Err != nil || l.Status != pipeline.StatusDone {
		t.Fatalf("the run is %s, %v", l.Status, l.Err)
	}
	hash, err := pipeline.JournalHash(run)
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

// undisturbed computes the experiment short in this process.
func undisturbed(t *testing.T, set ...string) string {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	t.Setenv("XDG_CACHE_HOME", filepath.Join(dir, "cache"))
	args := append(short[:len(short):len(short)], set...)
	if _, stderr, code := cli(context.Background(), append(args, "--run-dir", filepath.Join(dir, "runs"))...); code != 0 {
		t.Fatalf("exit code %d, %s", code, stderr)
	}
	return bits(t, onlyRun(t, dir))
}

// status waits until a run's journal has an end and returns its status.
func status(t *testing.T, run pipeline.Folder) string {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if state, err := pipeline.ReadState(run); err == nil && state.Done != nil {
			return state.Done.Status
		}
	}
	t.Fatal("the run does not end")
	return ""
}

// TestTerminated ends a process with SIGTERM: it saves a checkpoint, says how
// to go on, and that leads to the undisturbed run's bits with another number
// of threads.
func TestTerminated(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	want := undisturbed(t)
	dir := t.TempDir()
	p := program(t, dir, short...)
	lines := start(t, p)
	until(t, lines, "round 1/1")
	p.Process.Signal(syscall.SIGTERM)
	code, rest := exit(t, p, lines)
	_, name, found := strings.Cut(strings.TrimSpace(rest), "go on with: espalier run --resume ")
	if code != exitInterrupted || !found {
		t.Fatalf("exit code %d\n%s", code, rest)
	}
	p = program(t, dir, "run", "--resume", name, "--threads", "2", "--plain")
	if code, rest := exit(t, p, start(t, p)); code != 0 || !strings.Contains(rest, "continued at step") {
		t.Fatalf("exit code %d\n%s", code, rest)
	}
	if bits(t, onlyRun(t, dir)) != want {
		t.Error("the journal differs from the undisturbed run's")
	}
}

// TestDataVanish takes the images away from a live run, which has read them,
// and from one that resumes, which fails, and goes on when they are back.
func TestDataVanish(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	folder := images(t)
	set := []string{"--data", folder, "--set", "data.set=cifar10", "--set", "data.train=100", "--set", "data.validation=40", "--set", "data.test=40"}
	want := undisturbed(t, set...)
	dir := t.TempDir()
	p := program(t, dir, append(short[:len(short):len(short)], set...)...)
	lines := start(t, p)
	until(t, lines, "data cifar10")
	if err := os.Rename(folder, folder+".away"); err != nil {
		t.Fatal(err)
	}
	until(t, lines, "round 1/1")
	p.Process.Signal(syscall.SIGTERM)
	if code, rest := exit(t, p, lines); code != exitInterrupted {
		t.Fatalf("exit code %d\n%s", code, rest)
	}
	run := onlyRun(t, dir)
	resume := []string{"run", "--resume", string(run), "--plain"}
	p = program(t, dir, resume...)
	if code, rest := exit(t, p, start(t, p)); code != exitRunFailed || !strings.Contains(rest, "espalier: read the data: ") || !strings.Contains(rest, folder) {
		t.Errorf("without the data: exit code %d\n%s", code, rest)
	}
	if err := os.Rename(folder+".away", folder); err != nil {
		t.Fatal(err)
	}
	p = program(t, dir, resume...)
	if code, rest := exit(t, p, start(t, p)); code != 0 {
		t.Fatalf("exit code %d\n%s", code, rest)
	}
	if bits(t, run) != want {
		t.Error("the journal differs from the undisturbed run's")
	}
}

// TestClosedOutput closes the pipe that a run prints into, after the first line:
// the run is saved, says how to go on, and ends with 141.
func TestClosedOutput(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	for _, how := range []string{"--plain", "--json"} {
		dir := t.TempDir()
		p := program(t, dir, append(endless[:len(endless):len(endless)], "--plain="+strconv.FormatBool(how == "--plain"), "--json="+strconv.FormatBool(how == "--json"))...)
		var said strings.Builder
		p.Stderr = &said
		out, err := p.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		out.Close()
		p.Wait()
		if code := p.ProcessState.ExitCode(); code != exitClosed {
			t.Errorf("%s: exit code %d, want %d", how, code, exitClosed)
		}
		run := onlyRun(t, dir)
		if !strings.Contains(said.String(), "espalier run --resume") || strings.Count(said.String(), "\n") != 1 {
			t.Errorf("%s: %q", how, said.String())
		}
		if done := run.Listing().State.Done; done == nil || done.Status != pipeline.StatusStopped || !strings.HasPrefix(done.Reason, "stopped by closed output") {
			t.Errorf("%s: the run ended with %+v", how, done)
		}
	}
}
