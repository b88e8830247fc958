package pipeline

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func open(t *testing.T, path string) *Journal {
	t.Helper()
	j, err := OpenJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.file.Close() })
	return j
}

func bodiesOf(events []Event) []Body {
	var all []Body
	for _, e := range events {
		all = append(all, e.Body)
	}
	return all
}

// TestTruncatedAtEveryByte cuts a journal at each of its bytes, as a crash can,
// and wants the whole lines back, and the next event appended behind them.
func TestTruncatedAtEveryByte(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "whole")
	j := open(t, path)
	written := bodies()[1:8]
	for _, b := range written {
		j.Append(b)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for cut := range len(whole) + 1 {
		path := filepath.Join(dir, "cut")
		if err := os.WriteFile(path, whole[:cut], 0o644); err != nil {
			t.Fatal(err)
		}
		complete := strings.Count(string(whole[:cut]), "\n")
		var read []Event
		if err := ReadJournal(path, func(e Event) error { read = append(read, e); return nil }); err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if diff := cmp.Diff(written[:complete:complete], bodiesOf(read)); complete > 0 && diff != "" || len(read) != complete {
			t.Fatalf("cut at %d: %d events, want %d\n%s", cut, len(read), complete, diff)
		}
		j := open(t, path)
		if e := j.Append(Log{Text: "more"}); e.Seq != int64(complete+1) {
			t.Fatalf("cut at %d: next event is %d", cut, e.Seq)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		read = nil
		if err := ReadJournal(path, func(e Event) error { read = append(read, e); return nil }); err != nil || len(read) != complete+1 {
			t.Fatalf("cut at %d: after appending %d events, %v", cut, len(read), err)
		}
	}
}

func TestTornLastLineOfZeros(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j := open(t, path)
	j.Append(Log{Text: "a"})
	j.file.WriteAt(append(make([]byte, 40), '\n'), j.size)
	if again := open(t, path); again.last != 1 {
		t.Errorf("%d events", again.last)
	}
}

func TestDamageInTheMiddleIsAnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j := open(t, path)
	for range 3 {
		j.Append(Log{Text: "a"})
	}
	whole, _ := os.ReadFile(path)
	// Lines differ in length: a time's trailing zeros are not written.
	lines := bytes.SplitAfter(whole, []byte("\n"))
	a, b, c := lines[0], lines[1], lines[2]
	for name, damaged := range map[string][]byte{
		"broken line":  slices.Concat(a, []byte("?"), b, c),
		"missing line": slices.Concat(a, c),
		"twice a line": slices.Concat(a, a, b, c),
		"endless line": slices.Concat(a, []byte(strings.Repeat("x", maxLine+1))),
	} {
		os.WriteFile(path, damaged, 0o644)
		if _, err := OpenJournal(path); err == nil || !strings.Contains(err.Error(), "offset") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOldEventsAreReadFromDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j := open(t, path)
	const n = 3 * keepEvents
	for i := range n {
		j.Append(Note{GlobalStep: i + 1})
	}
	if len(j.tail) > 2*keepEvents {
		t.Errorf("%d events in memory", len(j.tail))
	}
	for _, j := range []*Journal{j, open(t, path)} {
		for _, test := range []struct{ after, limit, first, count int }{
			{0, 10, 1, 10}, {0, n + 5, 1, n}, {511, 3, 512, 3}, {512, 3, 513, 3}, {n - 1, 9, n, 1}, {n, 9, 0, 0},
			{n + 9, 9, 0, 0}, {-4, 1, 1, 1}, {100, 0, 0, 0}, {keepEvents, 2, keepEvents + 1, 2},
		} {
			events := j.Since(int64(test.after), test.limit)
			// A read from disk may stop where memory takes over.
			if len(events) != test.count {
				t.Errorf("Since(%d, %d): %d events, want %d", test.after, test.limit, len(events), test.count)
				continue
			}
			for i, e := range events {
				if want := test.first + i; e.Seq != int64(want) || e.Body.(Note).GlobalStep != want {
					t.Fatalf("Since(%d, %d)[%d] = %+v", test.after, test.limit, i, e)
				}
			}
		}
	}
}

// TestFullDisk lets writing fail in the middle of a line for a while: nothing
// is lost, nothing in the file is damaged at any moment.
func TestFullDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j := open(t, path)
	j.Append(Log{Text: "before"})
	room := 10
	j.writeAt = func(line []byte, offset int64) (int, error) {
		n := min(room, len(line))
		j.file.WriteAt(line[:n], offset)
		return n, syscall.ENOSPC
	}
	for range 5 {
		j.Append(Log{Text: "full"})
		var read int
		if err := ReadJournal(path, func(Event) error { read++; return nil }); err != nil || read != 1 {
			t.Fatalf("%d events on disk, %v", read, err)
		}
	}
	if err := j.Failure(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("failure %v", err)
	}
	if events := j.Since(0, 10); len(events) != 6 {
		t.Errorf("readers see %d events", len(events))
	}
	j.writeAt = j.file.WriteAt
	if err := j.Flush(); err != nil || j.Failure() != nil {
		t.Errorf("%v, %v", err, j.Failure())
	}
	if again := open(t, path); again.last != 6 {
		t.Errorf("%d events", again.last)
	}
}

func TestRewind(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j := open(t, path)
	for i := range 2 * markEvery {
		j.Append(Note{GlobalStep: i + 1})
	}
	removed, err := j.Rewind(markEvery + 7)
	if err != nil || removed != markEvery-7 {
		t.Fatalf("%d, %v", removed, err)
	}
	if e := j.Append(Log{Text: "on"}); e.Seq != markEvery+8 {
		t.Errorf("next is %d", e.Seq)
	}
	again := open(t, path)
	if again.last != markEvery+8 {
		t.Errorf("%d on disk", again.last)
	}
	if diff := cmp.Diff(again.Since(0, 1<<20), j.Since(0, 1<<20), cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })); diff != "" {
		t.Error(diff)
	}
}

func TestHubReaders(t *testing.T) {
	j := open(t, filepath.Join(t.TempDir(), "journal"))
	hub := newHub(j)
	const n = 2000
	var readers sync.WaitGroup
	for range 3 {
		watcher := hub.Watch()
		readers.Go(func() {
			defer watcher.Close()
			var after int64
			for after < n {
				<-watcher.Changed()
				for {
					events := watcher.Since(after, 7)
					if len(events) == 0 {
						break
					}
					if events[0].Seq != after+1 {
						t.Errorf("event %d after %d", events[0].Seq, after)
					}
					after = events[len(events)-1].Seq
				}
				state := hub.State()
				if state.Seq < after {
					continue // announced after it is journalled, folded in between
				}
				if len(state.Notes) != int(state.Seq) {
					t.Errorf("%d notes at event %d", len(state.Notes), state.Seq)
				}
			}
		})
	}
	for i := range n {
		hub.Publish(Note{GlobalStep: i})
	}
	readers.Wait()
	select {
	case <-hub.Changed():
	default:
		t.Error("the hub's own reader has no signal")
	}
}

// TestHubNeverBlocks publishes with nobody reading and sends with nobody
// taking.
func TestHubNeverBlocks(t *testing.T) {
	hub := newHub(open(t, filepath.Join(t.TempDir(), "journal")))
	for range 100 {
		hub.Publish(Log{})
	}
	var refused error
	for range commandQueue + 1 {
		refused = hub.Send(Command{Do: Pause})
	}
	if !errors.Is(refused, errQueueFull) {
		t.Errorf("full queue: %v", refused)
	}
	hub.Publish(RunDone{})
	if err := hub.Send(Command{Do: Pause}); !errors.Is(err, errOver) {
		t.Errorf("after the end: %v", err)
	}
}
