package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// terminal opens a pseudoterminal: what the program has, and what the person
// before it has.
func terminal(t *testing.T) (tty, person *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("this system gives no pseudoterminals: %v", err)
	}
	// Not by Fd, which would make a Read that waits outlast Close.
	conn, err := person.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var number int
	failed := conn.Control(func(fd uintptr) {
		number, err = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		if err == nil {
			err = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0)
		}
		if err == nil {
			err = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Row: 40, Col: 120})
		}
	})
	if err = errors.Join(failed, err); err == nil {
		tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		person.Close()
		t.Fatal(err)
	}
	return tty, person
}

// TestLostTerminal closes the terminal of a live run, on the screen and as
// lines: the run goes on to the undisturbed run's bits.
func TestLostTerminal(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	want := undisturbed(t)
	for _, c := range []struct {
		name, begun string
		args        []string
	}{
		{"screen", "\x1b[?1049h", []string{"--plain=false", "--tui"}},
		{"lines", "run smoke-", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			tty, person := terminal(t)
			p := program(t, dir, append(short[:len(short):len(short)], c.args...)...)
			p.Stdin, p.Stdout, p.Stderr = tty, tty, tty
			p.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
			if err := p.Start(); err != nil {
				t.Fatal(err)
			}
			tty.Close()
			var seen strings.Builder
			for buffer := make([]byte, 4096); !strings.Contains(seen.String(), c.begun); {
				n, err := person.Read(buffer)
				if err != nil {
					t.Fatalf("%v after %q", err, seen.String())
				}
				seen.Write(buffer[:n])
			}
			run := onlyRun(t, dir)
			if state := run.Listing().State; state.Done != nil {
				t.Fatal("the run is over before its terminal is lost")
			}
			person.Close()
			if err := p.Wait(); err != nil {
				t.Errorf("the process ends with %v", err)
			}
			if bits(t, run) != want {
				t.Error("the journal differs from the undisturbed run's")
			}
		})
	}
}

// A person sits before a terminal that a process runs in: what it wrote, and
// what the terminal was set to before.
type person struct {
	t       *testing.T
	process *exec.Cmd
	tty     *os.File // kept open, to see how the process leaves it
	keys    *os.File
	before  *unix.Termios

	mu   sync.Mutex
	news *sync.Cond
	seen strings.Builder
	gone bool
}

// sitDown starts a process in a terminal of its own.
func sitDown(t *testing.T, p *exec.Cmd) *person {
	t.Helper()
	tty, keys := terminal(t)
	before, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	s := &person{t: t, process: p, tty: tty, keys: keys, before: before}
	s.news = sync.NewCond(&s.mu)
	p.Stdin, p.Stdout, p.Stderr = tty, tty, tty
	p.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		buffer := make([]byte, 4096)
		for {
			n, err := keys.Read(buffer)
			s.mu.Lock()
			s.seen.Write(buffer[:n])
			s.gone = err != nil
			s.news.Broadcast()
			s.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		keys.Close()
		tty.Close()
	})
	return s
}

// sees waits until the process has written a text.
func (s *person) sees(text string) {
	s.t.Helper()
	stuck := time.AfterFunc(2*time.Minute, func() { s.process.Process.Kill(); s.tty.Close(); s.keys.Close() })
	defer stuck.Stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	for !strings.Contains(s.seen.String(), text) {
		if s.gone {
			s.t.Fatalf("%q was not written, but %q", text, s.seen.String())
		}
		s.news.Wait()
	}
}

func (s *person) types(keys string) {
	s.t.Helper()
	if _, err := s.keys.WriteString(keys); err != nil {
		s.t.Fatal(err)
	}
}

// leaves waits for the end of a process that drew on the terminal, holds it to
// leaving the terminal as it was, and returns its exit code and what it wrote
// after the screen.
func (s *person) leaves() (code int, rest string) {
	s.t.Helper()
	const left = "\x1b[?1049l" // the alternate screen
	s.sees(left)
	s.process.Wait()
	after, err := unix.IoctlGetTermios(int(s.tty.Fd()), unix.TCGETS)
	if err != nil {
		s.t.Fatal(err)
	}
	if *after != *s.before {
		s.t.Errorf("the terminal is left as %+v, and was %+v", *after, *s.before)
	}
	s.tty.Close() // the reader ends when nobody can write any more
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.gone {
		s.news.Wait()
	}
	text := s.seen.String()
	at := strings.LastIndex(text, left)
	for what, code := range map[string]string{"the cursor is shown": "\x1b[?25h", "the mouse is released": "\x1b[?1002l"} {
		if strings.LastIndex(text, code) < strings.LastIndex(text, "\x1b[?1049h") {
			s.t.Errorf("%s: %q was not written", what, code)
		}
	}
	return s.process.ProcessState.ExitCode(), text[at:]
}

// onScreen are the arguments of the experiment short on the screen.
func onScreen() []string { return append(short[:len(short):len(short)], "--plain=false", "--tui") }

// TestLostTerminalAfterTheEnd closes the terminal of a screen whose run is
// over, with the bits of one without a screen: nothing is left to wait for, and
// the process ends.
func TestLostTerminalAfterTheEnd(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	want := undisturbed(t)
	dir := t.TempDir()
	s := sitDown(t, program(t, dir, onScreen()...))
	s.sees("DONE")
	s.tty.Close()
	s.keys.Close()
	stuck := time.AfterFunc(2*time.Minute, func() { s.process.Process.Kill() })
	defer stuck.Stop()
	if err := s.process.Wait(); err != nil {
		t.Errorf("the process ends with %v", err)
	}
	if bits(t, onlyRun(t, dir)) != want {
		t.Error("the journal differs from the undisturbed run's")
	}
}

// TestTerminatedOnScreen ends a process that draws with SIGTERM: it saves,
// restores the terminal and says how to go on.
func TestTerminatedOnScreen(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	dir := t.TempDir()
	s := sitDown(t, program(t, dir, append(onScreen(), "--set", "fine_tune.epochs=100000")...))
	s.sees("round 1/1")
	s.process.Process.Signal(syscall.SIGTERM)
	if code, rest := s.leaves(); code != exitInterrupted || !strings.Contains(rest, "go on with: espalier run --resume ") {
		t.Errorf("exit code %d, %q", code, rest)
	}
	if l := onlyRun(t, dir).Listing(); l.Status != "stopped" {
		t.Errorf("the run is %s", l.Status)
	}
}

// TestDetachedWhilePaused leaves the screen of a paused run: what is said then is
// that it stays so, and from where it can go on.
func TestDetachedWhilePaused(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	dir := t.TempDir()
	s := sitDown(t, program(t, dir, append(onScreen(), "--set", "fine_tune.epochs=100000")...))
	s.sees("fine-tune")
	s.types(" ")
	s.sees("PAUSED")
	s.types("q")
	s.sees("the run stays paused without a screen")
	s.types("d")
	s.sees("The run stays paused without a screen; to go on, attach a screen: espalier attach")
	s.process.Process.Signal(syscall.SIGTERM)
	if code, rest := s.leaves(); code != exitInterrupted || !strings.Contains(rest, "go on with: espalier run --resume ") {
		t.Errorf("exit code %d, %q", code, rest)
	}
}

// TestPanicOnScreen lets the workers of a run panic that is drawn: the screen
// tells, the terminal is restored, the stack of the worker is in the run's
// folder and the exit code says that the run failed.
func TestPanicOnScreen(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	dir := t.TempDir()
	p := program(t, dir, "--tui")
	p.Env = append(p.Env, asProgram+"="+broken)
	s := sitDown(t, p)
	s.sees("FAILED")
	s.types("q")
	code, rest := s.leaves()
	if code != exitRunFailed || !strings.Contains(rest, "internal error: worker: ") || !strings.Contains(rest, "crash.txt") {
		t.Errorf("exit code %d, %q", code, rest)
	}
	stack, err := os.ReadFile(onlyRun(t, dir).Crash())
	if err != nil || !strings.Contains(string(stack), "crossEntropy") {
		t.Errorf("%v, stack:\n%s", err, stack)
	}
}

// TestAttachedScreen leaves a screen on a run of another process: it says that
// the run goes on, as it does, and how to come back.
func TestAttachedScreen(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	dir := t.TempDir()
	live(t, dir)
	run := onlyRun(t, dir)
	s := sitDown(t, program(t, dir, "attach"))
	s.sees("RUNNING")
	s.types("q")
	s.sees("goes on in its process")
	s.types("d")
	if code, rest := s.leaves(); code != 0 || !strings.Contains(rest, "The run is running; look at it again with: espalier attach "+filepath.Join("runs", run.Name())) || strings.Contains(rest, goesOn) {
		t.Errorf("exit code %d, %q", code, rest)
	}
	if l := run.Listing(); l.Status != "live" {
		t.Errorf("the run is %s", l.Status)
	}
}

// TestBackground starts a run as a job in the background of an interactive shell,
// also on a terminal that stops whoever prints from there: it prints lines to its
// end.
func TestBackground(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	for _, how := range []string{"", "--tui"} {
		dir := t.TempDir()
		tty, person := terminal(t)
		args := append(short[:len(short):len(short)], "--plain=false")
		if how != "" {
			args = append(args, how)
		}
		p := program(t, dir, args...)
		shell := exec.Command("/bin/bash", "--norc", "-i", "-c", `stty tostop; set -m; "$0" "$@" & wait $!`)
		shell.Args = append(shell.Args, p.Args...)
		shell.Dir, shell.Env = p.Dir, append(p.Env, "TERM=xterm-256color")
		shell.Stdin, shell.Stdout, shell.Stderr = tty, tty, tty
		shell.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
		if err := shell.Start(); err != nil {
			t.Skipf("no interactive shell here: %v", err)
		}
		tty.Close()
		late := time.AfterFunc(time.Minute, func() { syscall.Kill(-shell.Process.Pid, syscall.SIGKILL); person.Close() })
		seen, _ := io.ReadAll(person)
		late.Stop()
		shell.Wait()
		if text := string(seen); !strings.Contains(text, "run done after") || strings.Contains(text, "\x1b[?1049h") {
			t.Errorf("%q: the run printed %q", how, text)
		}
		person.Close()
	}
}
