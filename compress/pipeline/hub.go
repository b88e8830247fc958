package pipeline

import (
	"errors"
	"sync"
)

// A Hub is where a live run's events go and its commands come from. Publish
// and Commands are the Runner's side; State, Watch and the methods of Source
// are for any goroutine and never wait for the Runner.
type Hub struct {
	journal  *Journal
	commands chan Command

	mu      sync.Mutex
	state   State
	own     *Watcher
	readers map[*Watcher]struct{}
	closed  bool
}

// commandQueue is how many commands can wait for the step in progress to end.
const commandQueue = 64

// newHub returns a hub over a journal. Its state is folded from the events
// already there.
func newHub(j *Journal) *Hub {
	h := &Hub{journal: j, commands: make(chan Command, commandQueue), readers: make(map[*Watcher]struct{})}
	h.own = h.Watch()
	h.refold()
	return h
}

// refold computes the state anew from the journal.
func (h *Hub) refold() {
	var state State
	for after := int64(0); ; {
		events := h.journal.Since(after, 4096)
		if len(events) == 0 {
			break
		}
		for _, e := range events {
			state.Apply(e)
		}
		after = events[len(events)-1].Seq
	}
	h.mu.Lock()
	h.state = state
	h.mu.Unlock()
}

// Publish makes an event of a body: it journals it, folds it into the state and
// signals readers.
func (h *Hub) Publish(body Body) Event {
	e := h.journal.Append(body)
	h.mu.Lock()
	h.state.Apply(e)
	for w := range h.readers {
		w.signal()
	}
	h.mu.Unlock()
	return e
}

// Commands returns the queue that Send fills.
func (h *Hub) Commands() <-chan Command { return h.commands }

// State returns what the events so far add up to.
func (h *Hub) State() State {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.state.clone()
}

// Failure returns why events cannot be written to disk at the moment, or nil.
func (h *Hub) Failure() error { return h.journal.Failure() }

// Flush tries again to write events that could not be written.
func (h *Hub) Flush() error { return h.journal.Flush() }

// Sync makes the events so far survive a power cut.
func (h *Hub) Sync() error { return h.journal.Sync() }

// Seq returns the number of the newest event.
func (h *Hub) Seq() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.state.Seq
}

// Rewind removes the events after seq, for a run that goes on from a
// checkpoint. Call it before anybody reads.
func (h *Hub) Rewind(seq int64) (int, error) {
	removed, err := h.journal.Rewind(seq)
	if err == nil {
		h.refold()
	}
	return removed, err
}

// Since returns the events with Seq > after, oldest first; at most max.
func (h *Hub) Since(after int64, max int) []Event { return h.journal.Since(after, max) }

// Changed is signalled when there may be new events. It has one reader; others
// use Watch.
func (h *Hub) Changed() <-chan struct{} { return h.own.Changed() }

var (
	errQueueFull = errors.New("the run has not obeyed the last commands yet: wait until the step in progress ends")
	errOver      = errors.New("the run is over and takes no commands")
)

// Send queues a command for the end of the step in progress.
func (h *Hub) Send(c Command) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || h.state.Done != nil {
		return errOver
	}
	select {
	case h.commands <- c:
		return nil
	default:
		return errQueueFull
	}
}

// Close refuses further commands and closes the journal.
func (h *Hub) Close() error {
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	return h.journal.Close()
}

// A Watcher is another reader of a Hub, with its own signal.
type Watcher struct {
	hub     *Hub
	changed chan struct{}
}

// Watch adds a reader, which must be closed.
func (h *Hub) Watch() *Watcher {
	w := &Watcher{hub: h, changed: make(chan struct{}, 1)}
	h.mu.Lock()
	h.readers[w] = struct{}{}
	h.mu.Unlock()
	return w
}

func (w *Watcher) signal() {
	select {
	case w.changed <- struct{}{}:
	default: // a signal is waiting already
	}
}

// Since returns the events with Seq > after, oldest first; at most max.
func (w *Watcher) Since(after int64, max int) []Event { return w.hub.Since(after, max) }

// Changed is signalled when there may be new events.
func (w *Watcher) Changed() <-chan struct{} { return w.changed }

// Send queues a command for the end of the step in progress.
func (w *Watcher) Send(c Command) error { return w.hub.Send(c) }

// Close ends the signals.
func (w *Watcher) Close() {
	w.hub.mu.Lock()
	delete(w.hub.readers, w)
	w.hub.mu.Unlock()
}

var (
	_ Source = (*Hub)(nil)
	_ Source = (*Watcher)(nil)
)
