package ui

import (
	"context"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"espalier/ui/internal/sample"
)

// A recorder keeps what is written to the terminal and says when a text came.
type recorder struct {
	mu   sync.Mutex
	text strings.Builder
	came chan struct{} // closed when want was written
	want string
}

func record(want string) *recorder { return &recorder{want: want, came: make(chan struct{})} }

func (r *recorder) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.text.Write(b)
	if r.want != "" && strings.Contains(r.text.String(), r.want) {
		r.want = ""
		close(r.came)
	}
	return len(b), nil
}

// runScreen runs the screen until leave, called once it has drawn its first
// frame, makes it leave.
func runScreen(t *testing.T, src *sample.Source, leave func(cancel context.CancelFunc, keys io.Writer)) (Outcome, string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	keys, input := io.Pipe()
	defer input.Close()
	out := record("\x1b[?1049h") // the alternate screen
	left := make(chan struct{})
	go func() {
		defer close(left)
		select {
		case <-out.came:
			leave(cancel, input)
		case <-time.After(2 * time.Minute):
			cancel()
		}
	}()
	outcome, err := Run(ctx, src, Options{Input: keys, Output: out, Theme: "dark"})
	keys.Close()
	<-left
	if err != nil {
		t.Fatal(err)
	}
	return outcome, out.text.String()
}

func TestRunLeaves(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	for _, c := range []struct {
		name   string
		over   bool
		leave  func(context.CancelFunc, io.Writer)
		want   Outcome
		signal bool
	}{
		{"detach", false, func(_ context.CancelFunc, keys io.Writer) { io.WriteString(keys, "qd") }, Detach, false},
		{"stop now", false, func(_ context.CancelFunc, keys io.Writer) { io.WriteString(keys, "qx") }, StopNow, false},
		{"the context ends", false, func(cancel context.CancelFunc, _ io.Writer) { cancel() }, Detach, false},
		{"the terminal is hung up", false, func(context.CancelFunc, io.Writer) { raise(syscall.SIGHUP) }, Detach, true},
		{"terminated from outside", false, func(context.CancelFunc, io.Writer) { raise(syscall.SIGTERM) }, StopNow, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.signal && runtime.GOOS == "windows" {
				t.Skip("Windows has no such signals")
			}
			got, text := runScreen(t, during(1, 10), c.leave)
			if got != c.want {
				t.Errorf("outcome %v, want %v", got, c.want)
			}
			for what, code := range map[string]string{"alternate screen left": "\x1b[?1049l", "cursor shown": "\x1b[?25h", "mouse released": "\x1b[?1002l"} {
				if strings.Count(text, code) == 0 {
					t.Errorf("%s: %q was not written", what, code)
				}
			}
		})
	}
}

func raise(s syscall.Signal) {
	if p, err := os.FindProcess(os.Getpid()); err == nil {
		_ = p.Signal(s) // where signals cannot be sent, the test ends by its time limit
	}
}

func TestUnknownOptionsAreRefused(t *testing.T) {
	for _, o := range []Options{{Theme: "pink"}, {Glyphs: "runes"}} {
		if _, err := Run(context.Background(), sample.NewSource(nil), o); err == nil {
			t.Errorf("%+v was accepted", o)
		}
	}
}

func TestEnvironmentMode(t *testing.T) {
	for colours, want := range map[string]string{"": "dark", "15;0": "dark", "0;15": "light", "0;default;7": "light", "12;8": "dark"} {
		if got := environmentMode(colours); string(got) != want {
			t.Errorf("COLORFGBG=%q gives %s, want %s", colours, got, want)
		}
	}
}
