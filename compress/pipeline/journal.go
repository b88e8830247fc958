package pipeline

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// A Journal is a run's file of events, open for appending. It is written line
// by line without a buffer, so that a killed process loses at most the line it
// was writing.
//
// When the disk is full, events wait in memory in their order and Flush tries
// again. The file always holds a prefix of the journal.
type Journal struct {
	history
	pending []pendingLine // not written yet
	failure error         // of the last attempt to write
	now     func() time.Time
	writeAt func(line []byte, offset int64) (int, error)
}

type pendingLine struct {
	seq  int64
	line []byte
}

// OpenJournal opens or makes the journal at path. A torn last line is cut off.
func OpenJournal(path string) (*Journal, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	j := &Journal{history: history{file: file}, now: time.Now, writeAt: file.WriteAt}
	end, err := scan(file, start, func(e Event, begin, end int64) error {
		j.add(e, begin, end)
		return nil
	})
	if err == nil {
		err = file.Truncate(end)
	}
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return j, nil
}

// Append gives an event its number and time and writes it. If writing fails,
// the event waits in memory; Flush returns the error and tries again.
func (j *Journal) Append(body Body) Event {
	j.mu.Lock()
	defer j.mu.Unlock()
	e := Event{Seq: j.last + 1, Time: j.now(), Body: body}
	line, err := json.Marshal(e)
	if err != nil {
		panic("pipeline: " + err.Error()) // a body with a value that has no JSON
	}
	j.add(e, 0, 0)
	j.pending = append(j.pending, pendingLine{e.Seq, append(line, '\n')})
	j.flush()
	return e
}

// Flush writes the events that wait in memory and returns why some could not be
// written.
func (j *Journal) Flush() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.flush()
}

// Failure returns why events wait in memory, or nil.
func (j *Journal) Failure() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.failure
}

func (j *Journal) flush() error {
	for len(j.pending) > 0 {
		p := j.pending[0]
		if _, err := j.writeAt(p.line, j.size); err != nil {
			// Half a line may have been written. It is cut off, or overwritten
			// by the next attempt at the same offset.
			err = errors.Join(err, j.file.Truncate(j.size))
			j.failure = fmt.Errorf("write journal: %w", err)
			return j.failure
		}
		j.landed(p.seq, j.size, j.size+int64(len(p.line)))
		j.pending = j.pending[1:]
	}
	j.pending, j.failure = nil, nil
	return nil
}

// Sync writes what could not be written before and makes all events so far
// survive a power cut.
func (j *Journal) Sync() error {
	if err := j.Flush(); err != nil {
		return err
	}
	if err := j.file.Sync(); err != nil {
		return fmt.Errorf("sync journal: %w", err)
	}
	return nil
}

// Rewind removes all events after seq and returns their number.
func (j *Journal) Rewind(seq int64) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	removed := int(j.last - seq)
	if removed <= 0 {
		return 0, nil
	}
	h := history{file: j.file}
	_, err := scan(io.NewSectionReader(j.file, 0, j.size), start, func(e Event, begin, end int64) error {
		if e.Seq > seq {
			return errStop
		}
		h.add(e, begin, end)
		return nil
	})
	if err == nil {
		err = j.file.Truncate(h.size)
	}
	if err != nil {
		return 0, fmt.Errorf("rewind journal to event %d: %w", seq, err)
	}
	j.tail, j.last, j.size, j.saved, j.marks = h.tail, h.last, h.size, h.saved, h.marks
	j.pending = nil
	return removed, nil
}

// Close writes what is pending and closes the file.
func (j *Journal) Close() error {
	err := j.Flush()
	return errors.Join(err, j.file.Close())
}

// ReadJournal calls see with every event of the journal at path. A torn last
// line is ignored.
func ReadJournal(path string, see func(Event) error) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open journal: %w", err)
	}
	defer file.Close()
	if _, err := scan(file, start, func(e Event, _, _ int64) error { return see(e) }); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
