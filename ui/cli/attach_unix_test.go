//go:build unix

package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"espalier/compress/pipeline"
)

// live starts an endless run and waits for its first round.
func live(t *testing.T, dir string) *os.Process {
	t.Helper()
	p := program(t, dir, endless...)
	lines := start(t, p)
	until(t, lines, "round 1/1")
	go lines.WriteTo(discard{}) // it must never wait for its reader
	return p.Process
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }

// TestAttachToTheLiveRun names no run: the live one is shown, of several one is
// asked for. When the process that computes it is killed, looking on ends and
// says how to go on.
func TestAttachToTheLiveRun(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	dir := t.TempDir()
	engine := live(t, dir)
	run := onlyRun(t, dir)
	p := program(t, dir, "attach", "--plain")
	lines := start(t, p)
	until(t, lines, run.Name())
	engine.Kill()
	if code, rest := exit(t, p, lines); code != exitRunFailed || !strings.Contains(rest, "the process that computed the run is gone; go on with: espalier run --resume ") {
		t.Errorf("exit code %d\n%s", code, rest)
	}
	// Stopped through its socket, a run was interrupted.
	stopped := program(t, dir, "run", "--plain", "--resume", string(run))
	printed := start(t, stopped)
	until(t, printed, "continued at step")
	remote, err := pipeline.Dial(pipeline.Folder(filepath.Join(dir, "runs", run.Name())))
	if err != nil {
		t.Fatal(err)
	}
	defer remote.Close()
	if err := remote.Send(pipeline.Command{Do: pipeline.StopNow}); err != nil {
		t.Fatal(err)
	}
	if code, rest := exit(t, stopped, printed); code != exitInterrupted || !strings.Contains(rest, "stopped by socket") {
		t.Errorf("stopped through the socket: exit code %d\n%s", code, rest)
	}
	live(t, dir)
	live(t, dir)
	p = program(t, dir, "attach", "--plain")
	if code, rest := exit(t, p, start(t, p)); code != exitUsage || !strings.Contains(rest, "2 runs are live: name one of smoke-") {
		t.Errorf("exit code %d\n%s", code, rest)
	}
}

// TestTwoEngines goes on with a run that a process computes, which another
// process must not, and when that one is killed, which it may.
func TestTwoEngines(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	dir := t.TempDir()
	engine := live(t, dir)
	run := onlyRun(t, dir)
	p := program(t, dir, "run", "--plain", "--resume", run.Name())
	if code, rest := exit(t, p, start(t, p)); code != exitUsage || !strings.Contains(rest, "another process computes the run") {
		t.Errorf("a live run: exit code %d\n%s", code, rest)
	}
	engine.Kill()
	engine.Wait()
	if status := run.Listing().Status; status != pipeline.StatusDead {
		t.Errorf("the run is %s", status)
	}
	p = program(t, dir, "run", "--plain", "--resume", run.Name())
	lines := start(t, p)
	until(t, lines, "continued at step")
	p.Process.Kill()
}
