package cli

import (
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"espalier/compress/pipeline"
)

// TestSecondInterrupt stops a process that then cannot end, since nobody reads
// its lines: the second ctrl+c ends it at once, and nothing is lost.
func TestSecondInterrupt(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	dir := t.TempDir()
	// Where the tests run in the background of a script the signal is ignored, and
	// a process inherits that; it does not inherit that somebody listens.
	listen := make(chan os.Signal, 1)
	signal.Notify(listen, os.Interrupt)
	defer signal.Stop(listen)
	p := program(t, dir, append(endless[:len(endless):len(endless)], "--plain=false", "--json")...)
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	if _, err := unix.FcntlInt(write.Fd(), unix.F_SETPIPE_SZ, 4096); err != nil {
		t.Fatal(err)
	}
	p.Stdout = write
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	write.Close()
	for size := int64(0); size < 16<<10; time.Sleep(20 * time.Millisecond) {
		if journals, _ := filepath.Glob(filepath.Join(dir, "runs", "*", "journal.jsonl")); len(journals) == 1 {
			if info, err := os.Stat(journals[0]); err == nil {
				size = info.Size() // more than the pipe holds
			}
		}
	}
	run := onlyRun(t, dir)
	p.Process.Signal(os.Interrupt)
	if s := status(t, run); s != pipeline.StatusStopped {
		t.Errorf("after the first: %s", s)
	}
	if err := p.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("the process does not wait for its reader: %v", err)
	}
	p.Process.Signal(os.Interrupt)
	p.Wait()
	if s := p.ProcessState.Sys().(syscall.WaitStatus); !s.Signaled() || s.Signal() != syscall.SIGINT {
		t.Errorf("after the second: %v", p.ProcessState)
	}
	again, err := pipeline.Continue(run)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

// TestHangUp sends SIGHUP to a run whose lines are read: no more come, and the
// run goes on.
func TestHangUp(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	dir := t.TempDir()
	p := program(t, dir, short...)
	// Under nohup the signal is ignored, and a process inherits that; it does
	// not inherit that somebody listens.
	listen := make(chan os.Signal, 1)
	signal.Notify(listen, syscall.SIGHUP)
	defer signal.Stop(listen)
	lines := start(t, p)
	until(t, lines, "run smoke-")
	p.Process.Signal(syscall.SIGHUP)
	if code, rest := exit(t, p, lines); code != 0 || !strings.Contains(rest, goesOn) {
		t.Errorf("exit code %d\n%s", code, rest)
	}
	bits(t, onlyRun(t, dir))
}

// mount makes a file system of a few megabytes in memory, where the tests may.
func mount(t *testing.T, options string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("none", dir, "tmpfs", 0, options); errors.Is(err, unix.EPERM) {
		t.Skip("mounting a small file system takes root")
	} else if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// TestFullFileSystem lets a run fill a real file system, and makes space when
// it pauses.
func TestFullFileSystem(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	disk := mount(t, "size=4m")
	want := undisturbed(t)
	ballast := filepath.Join(disk, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 4<<20-500<<10), 0o644); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(disk, filepath.Join(dir, "runs")); err != nil {
		t.Fatal(err)
	}
	p := program(t, dir, short...)
	lines := start(t, p)
	if line := until(t, lines, "paused by disk"); !strings.Contains(line, "no space left on device") || !strings.Contains(line, "free some space") {
		t.Error(line)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	until(t, lines, "resumed by disk")
	if code, rest := exit(t, p, lines); code != 0 {
		t.Fatalf("exit code %d\n%s", code, rest)
	}
	if bits(t, onlyRun(t, dir)) != want {
		t.Error("the journal differs from the undisturbed run's")
	}
}

// TestReadOnly takes the right to write away from a run before it begins, and from
// one that is over, which can still be looked at.
func TestReadOnly(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	disk := mount(t, "size=16m")
	protect := func(flags uintptr) {
		t.Helper()
		if err := unix.Mount("none", disk, "", unix.MS_REMOUNT|flags, ""); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	if err := os.Symlink(disk, filepath.Join(dir, "runs")); err != nil {
		t.Fatal(err)
	}
	begin := func(args ...string) (code int, text string) {
		p := program(t, dir, args...)
		return exit(t, p, start(t, p))
	}
	protect(unix.MS_RDONLY)
	if code, text := begin(short...); code != exitUsage || !strings.Contains(text, "read-only file system; choose another") || strings.Count(text, "\n") != 1 {
		t.Errorf("a run in a folder that is read-only: exit code %d\n%s", code, text)
	}
	protect(0)
	if code, text := begin(short...); code != 0 {
		t.Fatalf("exit code %d\n%s", code, text)
	}
	name := onlyRun(t, dir).Name()
	protect(unix.MS_RDONLY)
	if code, text := begin("attach", name, "--plain"); code != 0 || !strings.Contains(text, "run done") {
		t.Errorf("attach: exit code %d\n%s", code, text)
	}
	if code, text := begin("runs"); code != 0 || !strings.Contains(text, name+"  done") {
		t.Errorf("runs: exit code %d\n%s", code, text)
	}
	if code, text := begin("report", name); code != exitUsage || !strings.Contains(text, "read-only file system") {
		t.Errorf("report: exit code %d\n%s", code, text)
	}
}
