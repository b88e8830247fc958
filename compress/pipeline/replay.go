package pipeline

import (
	"errors"
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
	changed chan struct{}
	remote  *Remote // takes the commands of a live run, or nil
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
	r := &Replay{history: history{file: file}, changed: make(chan struct{}, 1), quit: make(chan struct{})}
	if _, err := r.refresh(); err != nil {
		file.Close()
		return nil, fmt.Errorf("%s: %w", folder.Journal(), err)
	}
	r.signal()
	if follow {
		if r.remote, err = Dial(folder); err != nil && !errors.Is(err, ErrNotLive) {
			file.Close()
			return nil, err
		}
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
		r.tail, r.last, r.size, r.saved, r.marks = nil, 0, 0, 0, nil
	}
	from := mark{r.last + 1, r.size}
	_, err = scan(io.NewSectionReader(r.file, r.size, info.Size()-r.size), from, func(e Event, begin, end int64) error {
		r.add(e, begin, end)
		return nil
	})
	return r.size != from.offset, err
}

// poll announces new events. A journal that cannot be read for the moment, as
// while its owner goes back to a checkpoint, is read again.
func (r *Replay) poll() {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		select {
		case <-r.quit:
			return
		case <-ticker.C:
			if more, _ := r.refresh(); more {
				r.signal()
			}
		}
	}
}

func (r *Replay) signal() {
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

// Changed is signalled when there may be new events.
func (r *Replay) Changed() <-chan struct{} { return r.changed }

// Send hands a command to the process that computes the run.
func (r *Replay) Send(c Command) error {
	if r.remote == nil {
		return errOver
	}
	return r.remote.Send(c)
}

// Close ends following and closes the journal.
func (r *Replay) Close() error {
	close(r.quit)
	r.ended.Wait()
	var err error
	if r.remote != nil {
		err = r.remote.Close()
	}
	return errors.Join(err, r.file.Close())
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
