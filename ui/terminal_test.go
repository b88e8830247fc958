package ui

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"espalier/compress/pipeline"
	"espalier/ui/internal/sample"
)

// These tests show the screen in a real terminal, that of tmux: a shell runs
// this test binary once more, which then is a program that shows the sample run.

// helperEnv chooses what the program does: "run", or how it is to fail.
const helperEnv = "ESPALIER_UI_TERMINAL_TEST"

func TestMain(m *testing.M) {
	if mode := os.Getenv(helperEnv); mode != "" {
		showSample(mode)
		return
	}
	goleak.VerifyTestMain(m)
}

// A failing source panics where the screen asks it for events, or for a pause.
type failing struct {
	*sample.Source
	mode string
	asks atomic.Int64
}

func (f *failing) Since(after int64, limit int) []pipeline.Event {
	if f.mode == "panic in a command" && f.asks.Add(1) > 12 {
		panic("as the test wants it")
	}
	return f.Source.Since(after, limit)
}

func (f *failing) Send(c pipeline.Command) error {
	if f.mode == "panic in update" {
		panic("as the test wants it")
	}
	return f.Source.Send(c)
}

// showSample is the program in the terminal: a run in progress, a step every
// tenth of a second.
func showSample(mode string) {
	src := &failing{Source: during(2, 10), mode: mode}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	told := make(chan struct{})
	go func() {
		defer close(told)
		for ctx.Err() == nil {
			time.Sleep(100 * time.Millisecond)
			src.Tell(1)
		}
	}()
	outcome, err := Run(ctx, src, Options{Theme: "dark"})
	cancel()
	<-told
	if err != nil {
		text, _, _ := strings.Cut(err.Error(), "\n")
		fmt.Println("ended by:", text)
		return
	}
	fmt.Printf("left by: %v\n", outcome)
}

// A terminal is a tmux server of its own with one window, in which a shell runs.
type terminal struct {
	t      *testing.T
	socket string
}

// openTerminal starts the program in a terminal of a size and waits for its
// screen.
func openTerminal(t *testing.T, width, height int, mode string) *terminal {
	t.Helper()
	if testing.Short() {
		t.Skip("a real terminal takes seconds")
	}
	if _, err := exec.LookPath("tmux"); err != nil {
		t.Skip("tmux is not installed: the screen is not tested in a real terminal")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	term := &terminal{t, filepath.Join(t.TempDir(), "tmux")}
	t.Cleanup(func() { _ = exec.Command("tmux", "-S", term.socket, "kill-server").Run() })
	term.tmux("-u", "-f", os.DevNull, "new-session", "-d", "-x", fmt.Sprint(width), "-y", fmt.Sprint(height), "env LC_ALL=C.UTF-8 sh")
	term.keys(fmt.Sprintf("%s='%s' '%s'", helperEnv, mode, self), "Enter")
	term.wait("● RUN")
	return term
}

func (e *terminal) tmux(args ...string) string {
	e.t.Helper()
	out, err := exec.Command("tmux", append([]string{"-S", e.socket}, args...)...).CombinedOutput()
	if err != nil {
		e.t.Fatalf("tmux %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func (e *terminal) keys(keys ...string) {
	e.t.Helper()
	e.tmux(append([]string{"send-keys"}, keys...)...)
}

func (e *terminal) screen() string { return e.tmux("capture-pane", "-p") }

// wait waits until the screen shows a text.
func (e *terminal) wait(text string) string {
	e.t.Helper()
	var screen string
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if screen = e.screen(); strings.Contains(screen, text) {
			return screen
		}
	}
	e.t.Fatalf("%q did not come:\n%s", text, screen)
	return ""
}

// modes returns whether the alternate screen is on, the mouse is taken, and the
// cursor is shown.
func (e *terminal) modes() string {
	e.t.Helper()
	return strings.TrimSpace(e.tmux("display-message", "-p", "#{alternate_on} #{mouse_any_flag} #{cursor_flag}"))
}

const (
	screenModes = "1 1 0"
	shellModes  = "0 0 1"
)

// restored waits for a text in the shell and fails unless the terminal is as it
// was before.
func (e *terminal) restored(text string) string {
	e.t.Helper()
	screen := e.wait(text)
	if got := e.modes(); got != shellModes {
		e.t.Errorf("alternate screen, mouse, cursor: %s, want %s", got, shellModes)
	}
	e.keys("echo typed $((6*7))", "Enter") // echoed, and taken by the shell
	e.wait("typed 42")
	return screen
}

// signal sends a signal to the program.
func (e *terminal) signal(name string) {
	e.t.Helper()
	shell := strings.TrimSpace(e.tmux("display-message", "-p", "#{pane_pid}"))
	out, err := exec.Command("pgrep", "-P", shell).Output()
	if err != nil {
		e.t.Skipf("pgrep does not find the program: %v", err)
	}
	if err := exec.Command("kill", "-"+name, strings.TrimSpace(string(out))).Run(); err != nil {
		e.t.Fatal(err)
	}
}

// A session as a person has it: watch, pause, inspect, measure, go on, leave.
func TestASessionInARealTerminal(t *testing.T) {
	e := openTerminal(t, 80, 24, "run")
	if got := e.modes(); got != screenModes {
		t.Errorf("alternate screen, mouse, cursor: %s, want %s", got, screenModes)
	}
	e.wait("round 2/6")
	e.keys("Space")
	e.wait("‖ PAUSED")
	e.keys("2", "j", "Enter")
	e.wait("1.0.c1 conv")
	e.wait("median")
	e.keys("l", "l")
	e.wait("ch 2")
	e.keys("3", "]", "]")
	e.wait("n=10 of")
	e.keys("Enter")
	e.wait("90.00 (−0.50)")
	e.keys("2", "t")
	e.wait("by sensitivity of step")
	e.keys("?", "G")
	e.wait("In pane 7, Runs")
	e.keys("Escape") // alone: together with the next key it would be alt and that key
	e.wait("Sparsity by layer")
	e.keys("Space")
	e.wait("● RUN")
	e.keys("q")
	e.wait("d    detach")
	e.keys("d")
	e.restored("left by: detach")
}

func TestTheTerminalIsRestored(t *testing.T) {
	for _, c := range []struct {
		name, mode string
		leave      func(e *terminal)
		want       string
	}{
		{"after SIGTERM", "run", func(e *terminal) { e.signal("TERM") }, "left by: stop now"},
		{"after SIGHUP", "run", func(e *terminal) { e.signal("HUP") }, "left by: detach"},
		{"after SIGINT", "run", func(e *terminal) { e.signal("INT") }, "left by: stop now"},
		{"after two ctrl+c", "run", func(e *terminal) { e.keys("C-c", "C-c") }, "left by: stop now"},
		{"after a panic in a command", "panic in a command", func(*terminal) {}, "ended by: the screen failed: as the test wants it"},
		{"after a panic in Update", "panic in update", func(e *terminal) { e.keys("Space") }, "ended by: the screen failed: as the test wants it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := openTerminal(t, 80, 24, c.mode)
			c.leave(e)
			e.restored(c.want)
		})
	}
}

func TestASuspendedScreenComesBack(t *testing.T) {
	e := openTerminal(t, 80, 24, "run")
	e.keys("C-z")
	e.wait("topped") // dash says [1] + Stopped, others stopped
	if got := e.modes(); got != shellModes {
		t.Errorf("suspended: alternate screen, mouse, cursor: %s, want %s", got, shellModes)
	}
	e.keys("fg", "Enter")
	e.wait("● RUN")
	for end := time.Now().Add(2 * time.Minute); e.modes() != screenModes && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
	}
	if got := e.modes(); got != screenModes {
		t.Errorf("back: alternate screen, mouse, cursor: %s, want %s", got, screenModes)
	}
	e.keys("q", "d")
	e.restored("left by: detach")
}

// A terminal that is resized while the run goes on is filled anew each time, and
// one that is too small says so.
func TestAResizedTerminal(t *testing.T) {
	e := openTerminal(t, 120, 36, "run")
	for _, c := range []struct {
		width, height int
		want          string
	}{
		{80, 24, "Sparsity by layer"}, {59, 16, "59×16 is too small"}, {60, 16, "┏━ 1 Loss"},
		{160, 45, "╭─ 6 Rounds"}, {200, 60, "╭─ 7 Runs"}, {61, 17, "Sparsity by layer"}, {120, 36, "╭─ 4 Scales"},
	} {
		e.tmux("resize-window", "-x", fmt.Sprint(c.width), "-y", fmt.Sprint(c.height))
		e.wait(c.want)
		if c.width < minWidth {
			continue
		}
		last := ""
		for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
			rows := strings.Split(strings.TrimRight(e.screen(), "\n"), "\n")
			if last = strings.Join(rows, "\n"); len(rows) >= c.height-1 && strings.HasPrefix(rows[0], " ● RUN") && strings.Contains(rows[1], "1 Loss") {
				last = ""
				break
			}
		}
		if last != "" {
			t.Errorf("%d×%d is not filled:\n%s", c.width, c.height, last)
		}
	}
	e.keys("q", "d")
	e.restored("left by: detach")
}
