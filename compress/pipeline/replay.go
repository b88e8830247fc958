package pipeline

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// pollEvery is how often a live run's journal is looked at for more.
const pollEvery = 50 * time.Millisecond

// A Replay is a run as its folder tells it: a Source of a finished run, or of
// one that another process is computing.
type Replay struct {
	history
	folder  Folder
	follow  bool
	stuck   int64 // where the journal could not be read on, the last time
	rewound int   // guarded by mu, as what history knows
	changed chan struct{}
	lost    chan struct{}
	quit    chan struct{}
	ended   sync.WaitGroup
}

// OpenReplay reads a run's journal. With follow set it looks for new events
// until Close, and commands go to the process that computes the run, if one
// does.
func OpenReplay(folder Folder, follow bool) (*Replay, error) {
	file, err := os.Open(folder.Journal())
	if err != nil {
		return nil, fmt.Errorf("open run %s: %w", folder.Name(), err)
	}
	r := &Replay{
		history: history{file: file}, folder: folder, follow: follow,
		changed: make(chan struct{}, 1), lost: make(chan struct{}), quit: make(chan struct{}),
	}
	if _, err := r.refresh(); err != nil {
		file.Close()
		return nil, fmt.Errorf("%s: %w", folder.Journal(), err)
	}
	r.signal()
	if follow {
		r.ended.Go(r.poll)
	}
	return r, nil
}

// refresh reads what the journal has beyond the known part and reports whether
// there was anything.
func (r *Replay) refresh() (bool, error) {
	info, err := r.file.Stat()
	if err != nil {
		return false, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if info.Size() == r.size {
		return false, nil
	}
	if info.Size() < r.size { // the run went on from an earlier checkpoint
		r.forget()
	}
	from := mark{r.last + 1, r.size}
	_, err = scan(io.NewSectionReader(r.file, r.size, info.Size()-r.size), from, func(e Event, begin, end int64) error {
		r.add(e, begin, end)
		return nil
	})
	if err != nil && from.offset > 0 && r.size != r.stuck {
		// It went back and has grown beyond that place already: what is known is
		// of the time before, and is read again.
		r.stuck = r.size
		r.forget()
	}
	return r.size != from.offset, err
}

// forget makes the journal one of which nothing is known. The caller holds mu.
func (r *Replay) forget() {
	r.rewound++
	r.tail, r.last, r.size, r.saved, r.marks = nil, 0, 0, 0, nil
}

// poll announces new events. A journal that cannot be read for the moment, as
// while its owner goes back to a checkpoint, is read again.
func (r *Replay) poll() {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	lost := r.lost
	for silent := 0; ; silent++ {
		select {
		case <-r.quit:
			return
		case <-ticker.C:
		}
		if more, _ := r.refresh(); more {
			r.signal()
			silent = 0
		}
		// Looked at seldom, and only after the last events were taken in.
		if lost != nil && silent%lookEvery == lookEvery-1 && !r.folder.Live() {
			close(lost)
			lost = nil
		}
	}
}

// lookEvery is how many silent looks at the journal lie between two looks at
// the process: a second.
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
	var s State
	err := ReadJournal(folder.Journal(), func(e Event) error {
		s.Apply(e)
		return nil
	})
	if err != nil {
		return State{}, fmt.Errorf("run %s: %w", filepath.Base(string(folder)), err)
	}
	return s, nil
}

var _ Source = (*Replay)(nil)
