package pipeline

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// reader returns a function that reads a source's events, every one of them
// once, up to the first that is as wanted.
func reader(t *testing.T, s Source) (until func(wanted func(Body) bool) Body) {
	var after int64
	back := 0
	return func(wanted func(Body) bool) Body {
		t.Helper()
		for {
			if r, ok := s.(*Replay); ok && r.Rewound() != back {
				after, back = 0, r.Rewound()
			}
			for _, e := range s.Since(after, 1) {
				if e.Seq != after+1 {
					t.Fatalf("event %d after %d", e.Seq, after)
				}
				if after = e.Seq; wanted(e.Body) {
					return e.Body
				}
			}
			if len(s.Since(after, 1)) == 0 {
				<-s.Changed()
			}
		}
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
	until := reader(t, replay)
	until(func(b Body) bool { s, ok := b.(StepDone); return ok && s.Round == 1 })
	if err := replay.Send(Command{Do: "dance"}); err == nil || !strings.Contains(err.Error(), "unknown command") {
		t.Errorf("%v", err)
	}
	if err := replay.Send(Command{Do: Pause, Source: "keyboard"}); err != nil {
		t.Fatal(err)
	}
	until(func(b Body) bool { p, ok := b.(Paused); return ok && p.Source == "socket" })
	if err := replay.Send(Command{Do: StopNow}); err != nil {
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
	if _, err := Dial(r.Folder); !errors.Is(err, errNotLive) {
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
	if _, err := Dial(f); !errors.Is(err, errNotLive) {
		t.Errorf("%v", err)
	}
	var got []Command
	s, err := serve(f, func(c Command) error { got = append(got, c); return errQueueFull })
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

// TestSeveralScreens looks at one run from the process that computes it and
// from two others: each sees the commands of all, and who gave them.
func TestSeveralScreens(t *testing.T) {
	r := create(t, tiny(t, "fine_tune.epochs=500"))
	ended := make(chan struct{})
	go func() { defer close(ended); r.Do(context.Background(), tinyParts()) }()
	<-r.Hub.Changed() // it has begun
	own := r.Hub.Watch()
	defer own.Close()
	screens := []Source{own}
	for range 2 {
		replay, err := OpenReplay(r.Folder, true)
		if err != nil {
			t.Fatal(err)
		}
		defer replay.Close()
		screens = append(screens, replay)
	}
	var untils []func(func(Body) bool) Body
	for _, s := range screens {
		untils = append(untils, reader(t, s))
	}
	for i, s := range screens {
		text := []string{"mine", "from the second", "from the third"}[i]
		if err := s.Send(Command{Do: Remark, Text: text, Source: "keyboard"}); err != nil {
			t.Fatal(err)
		}
		want := []string{"keyboard", "socket", "socket"}[i]
		for at, until := range untils {
			c := until(func(b Body) bool { c, ok := b.(Commanded); return ok && c.Command.Text == text }).(Commanded)
			if c.Command.Source != want || c.Refused != "" {
				t.Errorf("screen %d sees the command of screen %d as %+v, want the source %s", at, i, c, want)
			}
		}
	}
	if err := screens[2].Send(Command{Do: StopNow}); err != nil {
		t.Fatal(err)
	}
	for _, until := range untils {
		until(func(b Body) bool { d, ok := b.(RunDone); return ok && d.Status == StatusStopped })
	}
	<-ended
}

// TestAttachedWhileResumed looks at a run that stops and goes on in another
// process from an earlier event: the screen sees it begin again there, and
// commands reach the new process.
func TestAttachedWhileResumed(t *testing.T) {
	r := create(t, tiny(t, "fine_tune.epochs=500"))
	begin := func(r *Run) (ended chan struct{}) {
		ended = make(chan struct{})
		go func() { defer close(ended); r.Do(context.Background(), tinyParts()) }()
		return ended
	}
	ended := begin(r)
	<-r.Hub.Changed()
	replay, err := OpenReplay(r.Folder, true)
	if err != nil {
		t.Fatal(err)
	}
	defer replay.Close()
	reader(t, replay)(func(b Body) bool { s, ok := b.(StepDone); return ok && s.Round == 1 && s.Step > 2 })
	if err := replay.Send(Command{Do: StopNow}); err != nil {
		t.Fatal(err)
	}
	<-ended
	r.Close()
	if err := replay.Send(Command{Do: Pause}); !errors.Is(err, errNotLive) {
		t.Errorf("nobody computes it: %v", err)
	}
	<-replay.Lost()
	if r, err = Continue(r.Folder); err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ended = begin(r)
	until := reader(t, replay)
	until(func(b Body) bool { _, ok := b.(Continued); return ok })
	if err := replay.Send(Command{Do: StopNow}); err != nil {
		t.Fatal(err)
	}
	until(func(b Body) bool { d, ok := b.(RunDone); return ok && d.Status == StatusStopped })
	<-ended
}

// TestReplayOfARewoundJournal follows a journal that goes back and has grown
// beyond its old end before the follower looks again.
func TestReplayOfARewoundJournal(t *testing.T) {
	f := Folder(t.TempDir())
	j := open(t, f.Journal())
	for range 5 {
		j.Append(Log{Text: "before"})
	}
	replay, err := OpenReplay(f, false)
	if err != nil {
		t.Fatal(err)
	}
	defer replay.Close()
	if n := len(replay.Since(0, 100)); n != 5 || replay.Rewound() != 0 {
		t.Fatalf("%d events, went back %d times", n, replay.Rewound())
	}
	if _, err := j.Rewind(2); err != nil {
		t.Fatal(err)
	}
	for range 9 {
		j.Append(Log{Text: "after it went back"})
	}
	if events := replay.Since(5, 100); len(events) > 0 || replay.Rewound() != 1 {
		t.Errorf("%d events of the time before, went back %d times", len(events), replay.Rewound())
	}
	var texts []string
	for i, e := range replay.Since(0, 100) {
		if e.Seq != int64(i+1) {
			t.Errorf("event %d after %d", e.Seq, i)
		}
		texts = append(texts, e.Body.(Log).Text)
	}
	want := append(slices.Repeat([]string{"before"}, 2), slices.Repeat([]string{"after it went back"}, 9)...)
	if !slices.Equal(texts, want) {
		t.Errorf("have %q", texts)
	}
}

// TestReplayReadsWhatIsAskedFor looks at a long journal piece by piece: it is
// read no further than events are asked for, every piece is as long as asked for
// while there is more, and damage is told where it is reached.
func TestReplayReadsWhatIsAskedFor(t *testing.T) {
	f := Folder(t.TempDir())
	j := open(t, f.Journal())
	const whole = 3 * keepEvents
	for i := range whole {
		j.Append(StepDone{GlobalStep: i + 1, Loss: 1})
	}
	replay, err := OpenReplay(f, false)
	if err != nil {
		t.Fatal(err)
	}
	defer replay.Close()
	if s := replay.Share(); s <= 0 || s > 0.001 {
		t.Errorf("opening it reads %g of the journal", s)
	}
	after := int64(0)
	for _, c := range []struct{ limit, want int }{{100, 100}, {1000, 1000}, {2 * keepEvents, 2 * keepEvents}} {
		events := replay.Since(after, c.limit)
		if len(events) != c.want || events[0].Seq != after+1 {
			t.Fatalf("%d events after %d, want %d", len(events), after, c.want)
		}
		after += int64(len(events))
		if s, want := replay.Share(), float64(after)/whole; s < 0.9*want || s > 1.1*want {
			t.Errorf("%g of the journal was read, want about %g", s, want)
		}
	}
	// Another reader, behind or ahead of the first, gets what it asks for, too.
	for _, at := range []int64{0, 50, after - 10, whole - 20} {
		if events := replay.Since(at, 20); len(events) != 20 || events[0].Seq != at+1 {
			t.Errorf("after %d: %d events", at, len(events))
		}
	}
	if events := replay.Since(whole-5, 20); len(events) != 5 || replay.Share() != 1 || replay.Err() != nil {
		t.Errorf("at the end: %d events, %g read, %v", len(events), replay.Share(), replay.Err())
	}
	size, err := os.Stat(f.Journal())
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(f.Journal(), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteAt([]byte("\n\x00"), size.Size()/2); err != nil {
		t.Fatal(err)
	}
	damaged, err := OpenReplay(f, false)
	if err != nil {
		t.Fatal(err)
	}
	defer damaged.Close()
	if n := len(damaged.Since(0, whole/4)); n != whole/4 || damaged.Err() != nil {
		t.Errorf("before the damage: %d events, %v", n, damaged.Err())
	}
	if n := len(damaged.Since(0, whole)); n < whole/3 || n > 2*whole/3 || damaged.Err() == nil || !strings.Contains(damaged.Err().Error(), "journal at offset") {
		t.Errorf("at the damage: %d events, %v", n, damaged.Err())
	}
	// Whether nobody computes the run or somebody might, what lies before the damage
	// is printed.
	for _, follow := range []bool{false, true} {
		replay, err := OpenReplay(f, follow)
		if err != nil {
			t.Fatal(err)
		}
		ctx, end := context.WithCancel(context.Background())
		end()
		var out strings.Builder
		if err := PrintJSON(ctx, &out, replay); err != nil {
			t.Error(err)
		}
		if n := strings.Count(out.String(), "\n"); n < whole/3 || n > 2*whole/3 || replay.Err() == nil {
			t.Errorf("following %v: %d events printed, %v", follow, n, replay.Err())
		}
		replay.Close()
	}
}
