package ui

import (
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"
	"github.com/muesli/termenv"

	"espalier/compress/pipeline"
)

// A tty stands for a terminal without being one: it says when a text is
// written, and counts.
type tty struct {
	mu     sync.Mutex
	wanted string
	came   chan time.Time
	writes int
	bytes  int
}

func (t *tty) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.writes++
	t.bytes += len(b)
	if t.wanted != "" && strings.Contains(string(b), t.wanted) {
		t.wanted = ""
		t.came <- time.Now()
	}
	return len(b), nil
}

// expect makes the next write with a text be told.
func (t *tty) expect(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.wanted = text
}

// wait waits for the expected text and returns when it was written.
func (t *tty) wait(b testing.TB) time.Time {
	b.Helper()
	select {
	case at := <-t.came:
		return at
	case <-time.After(30 * time.Second):
		b.Fatal("the screen does not answer")
		return time.Time{}
	}
}

// written returns how often something was written, and how many bytes.
func (t *tty) written() (writes, bytes int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.writes, t.bytes
}

// A session is a screen on a tty that has colours.
type session struct {
	tty  *tty
	keys io.Writer
	left chan error
	end  func() // closes the screen and waits for that
}

// openSession shows a source on 200×60 cells, as Run does, but on a tty.
func openSession(b testing.TB, src pipeline.Source) *session { return openSessionOf(b, src, 200, 60) }

func openSessionOf(b testing.TB, src pipeline.Source, width, height int) *session {
	b.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s := &session{tty: &tty{came: make(chan time.Time, 1)}, left: make(chan error, 1)}
	renderer := lipgloss.NewRenderer(s.tty)
	renderer.SetColorProfile(termenv.TrueColor)
	app, err := newApp(ctx, src, Options{Theme: "dark"}, renderer, time.Now)
	if err != nil {
		b.Fatal(err)
	}
	size := tea.WindowSizeMsg{Width: width, Height: height}
	app.take(size)
	input, keys := io.Pipe()
	s.keys = keys
	options := append(programOptions(s.tty, Options{Input: input}, true), tea.WithContext(ctx))
	s.tty.expect("7 Runs")
	program := tea.NewProgram(sent{app}, options...)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, err := program.Run()
		s.left <- err
	}()
	program.Send(size) // Bubble Tea itself cuts rows, and erases what they leave
	s.end = func() {
		keys.Close()
		cancel()
		<-ended
	}
	b.Cleanup(s.end)
	return s
}

// selected is how a tab looks while its pane has the focus.
func selected(tab string) string { return "7m " + tab + " " }

// press presses a key and waits until its effect is on the terminal.
func (s *session) press(b testing.TB, key, effect string) time.Duration {
	b.Helper()
	s.tty.expect(effect)
	begin := time.Now()
	if _, err := io.WriteString(s.keys, key); err != nil {
		b.Fatal(err)
	}
	return s.tty.wait(b).Sub(begin)
}
