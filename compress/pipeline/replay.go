package pipeline

import (
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"
)

// pollEvery is how often a live run's journal is looked at for more.
const pollEvery = 50 * time.Millisecond

// A Replay is a Source that reads a run's folder: a finished run, or one that
// another process computes. It reads the journal as events are asked for, so
// the first ones come at once even from a long journal.
type Replay struct {
	history
	folder  Folder
	follow  bool
	total   int64 // bytes of the journal when it was last read; guarded by mu, as those below and what history knows
	failure error // why the journal could not be read to its end
	rewound int
	changed chan struct{}
	lost    chan struct{}
	quit    chan struct{}
	ended   sync.WaitGroup
}

// OpenReplay opens a run's journal. With follow set it looks for new events
// until Close, and commands go to the process that computes the run, if one
// does. An error means that there is no journal or that its first event cannot
// be read. Err returns later errors.
func OpenReplay(folder Folder, follow bool) (*Replay, error) {
	file, err := os.Open(folder.Journal())
	if err != nil {
		return nil, fmt.Errorf("open run %s: %w", folder.Name(), err)
	}
	r := &Replay{
		history: history{file: file}, folder: folder, follow: follow,
		changed: make(chan struct{}, 1), lost: make(chan struct{}), quit: make(chan struct{}),
	}
	if r.Since(0, 1); r.Err() != nil {
		file.Close()
		return nil, r.Err()
	}
	r.signal()
	if follow {
		r.ended.Go(r.poll)
	}
	return r, nil
}

// Since returns at most limit events with Seq > after, oldest first, and fewer
// only if the journal has no more. It reads the journal as far as needed.
func (r *Replay) Since(after int64, limit int) []Event {
	after = max(after, 0)
	r.mu.Lock()
	for went := r.rewound; r.last-after < int64(limit) && r.more(int64(limit)-(r.last-after)); {
		if r.rewound != went {
			r.mu.Unlock()
			r.signal()
			return nil // after counts events from before the rewind
		}
	}
	r.mu.Unlock()
	return r.history.Since(after, limit)
}

// more reads at most n events beyond the known part and reports whether there
// may be more. The caller holds mu.
func (r *Replay) more(n int64) bool {
	info, err := r.file.Stat()
	if err != nil {
		r.failure = err
		return false
	}
	r.total, r.failure = info.Size(), nil
	if r.total == r.size {
		return false
	}
	if r.total < r.size { // the run went on from an earlier checkpoint
		r.forget()
		return true
	}
	from := mark{r.last + 1, r.size}
	_, err = scan(io.NewSectionReader(r.file, r.size, r.total-r.size), from, func(e Event, begin, end int64) error {
		r.add(e, begin, end)
		if n--; n == 0 {
			return errStop
		}
		return nil
	})
	switch {
	case err != nil && r.size == from.offset && !r.still():
		// The run went back and its journal has already grown beyond this
		// offset: what is known is out of date and is read again.
		r.forget()
		return true
	case err != nil:
		r.failure = fmt.Errorf("%s: %w", r.folder.Journal(), err)
		return false
	}
	return n == 0 // else there is no other whole line
}

// still reports whether the newest event known still stands in the journal. The
// caller holds mu.
func (r *Replay) still() bool {
	if r.last == 0 {
		return true
	}
	known := r.tail[len(r.tail)-1]
	e, ok := eventBefore(r.file, r.size)
	return ok && e.Seq == known.Seq && e.Time.Equal(known.Time)
}

// Err returns why the journal could not be read to its end, or nil.
func (r *Replay) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failure
}

// Share returns how much of the journal was read, 0 to 1.
func (r *Replay) Share() float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return float64(r.size) / float64(max(r.total, 1))
}

// behind reports whether a journal of this size has more than was read.
func (r *Replay) behind(size int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return size != r.total || r.failure != nil
}

// forget drops everything that was read. The caller holds mu.
func (r *Replay) forget() {
	r.rewound++
	r.tail, r.last, r.size, r.saved, r.marks = nil, 0, 0, 0, nil
}

// poll signals new events. A journal that could not be read, for example while
// its owner rewinds it, is tried again.
func (r *Replay) poll() {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	lost := r.lost
	size := int64(-1)
	for silent := 0; ; silent++ {
		select {
		case <-r.quit:
			return
		case <-ticker.C:
		}
		info, err := r.file.Stat()
		if err != nil {
			continue
		}
		if info.Size() != size {
			size, silent = info.Size(), 0
		}
		if r.behind(size) {
			r.signal()
		}
		// Checked seldom, and only once the journal has stopped growing.
		if lost != nil && silent%lookEvery == lookEvery-1 && !r.folder.Live() {
			close(lost)
			lost = nil
		}
	}
}

// lookEvery is how many polls without new events pass between two checks of the
// process: a second.
const lookEvery = int(time.Second / pollEvery)

func (r *Replay) signal() {
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

// Changed is signalled when there may be new events.
func (r *Replay) Changed() <-chan struct{} { return r.changed }

// Rewound counts how often the run went back to an earlier event and on from
// there, as when another process took it up. A reader that sees the count grow
// reads the events from the first one again.
func (r *Replay) Rewound() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rewound
}

// Follows reports whether new events are looked for.
func (r *Replay) Follows() bool { return r.follow }

// Lost is closed when the process that computed a followed run is gone: no more
// events come, unless another process takes the run up.
func (r *Replay) Lost() <-chan struct{} { return r.lost }

// Send hands a command to the process that computes the run at this moment.
func (r *Replay) Send(c Command) error {
	if !r.follow {
		return errOver
	}
	remote, err := Dial(r.folder)
	if err != nil {
		return err
	}
	defer remote.Close()
	return remote.Send(c)
}

// Close ends following and closes the journal.
func (r *Replay) Close() error {
	close(r.quit)
	r.ended.Wait()
	return r.file.Close()
}

// ReadState folds a run's whole journal.
func ReadState(folder Folder) (State, error) {
	s, _, err := readOn(folder, State{}, 0)
	if err != nil {
		return State{}, err
	}
	return s, nil
}

// readOn folds a run's journal from an offset on into s, the state before that
// offset. It returns the new state and the offset of the journal's end. It fails
// if no event begins at the offset.
func readOn(folder Folder, s State, from int64) (State, int64, error) {
	fail := func(err error) (State, int64, error) {
		return State{}, 0, fmt.Errorf("run %s: %w", folder.Name(), err)
	}
	file, err := os.Open(folder.Journal())
	if err != nil {
		return fail(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return fail(err)
	}
	if info.Size() < from {
		return fail(fmt.Errorf("%s is shorter than it was", folder.Journal()))
	}
	s.Sparsities = slices.Clone(s.Sparsities) // the last one may be replaced
	end, err := scan(io.NewSectionReader(file, from, info.Size()-from), mark{s.Seq + 1, from}, func(e Event, _, _ int64) error {
		s.Apply(e)
		return nil
	})
	if err != nil {
		return fail(fmt.Errorf("%s: %w", folder.Journal(), err))
	}
	return s, end, nil
}

var _ Source = (*Replay)(nil)
