package pipeline

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

const (
	// maxLine bounds a journal's line; the longest, a layer's scales, has some
	// tens of kilobytes.
	maxLine = 1 << 20
	// keepEvents is how many of the newest events stay in memory. Older ones
	// are read from the journal again.
	keepEvents = 8192
	// markEvery is the distance in events of the offsets that are remembered.
	markEvery = 512
)

// A history gives readers a journal's events: the newest from memory, older
// ones from disk.
type history struct {
	file *os.File

	mu    sync.Mutex
	tail  []Event // contiguous, ends with the newest
	last  int64   // Seq of the newest, 0 for none
	size  int64   // bytes of whole lines in the file
	saved int64   // Seq of the last event in these bytes
	marks []mark
}

// A mark says where in the file the line of an event begins.
type mark struct{ seq, offset int64 }

// start is where every journal begins.
var start = mark{seq: 1}

// add appends an event that ends at the file's offset end, or is not on disk
// yet: end 0. The caller holds mu.
func (h *history) add(e Event, begin, end int64) {
	if end > 0 {
		h.landed(e.Seq, begin, end)
	}
	h.tail = append(h.tail, e)
	h.last = e.Seq
	if len(h.tail) > 2*keepEvents {
		drop := len(h.tail) - keepEvents
		if onDisk := int(h.saved - h.tail[0].Seq + 1); drop > onDisk {
			drop = onDisk
		}
		h.tail = append([]Event(nil), h.tail[drop:]...)
	}
}

// landed notes that event seq is in the file at offsets begin to end. The
// caller holds mu.
func (h *history) landed(seq, begin, end int64) {
	if (seq-1)%markEvery == 0 {
		h.marks = append(h.marks, mark{seq, begin})
	}
	h.size, h.saved = end, seq
}

// Since returns at most limit events with Seq > after, oldest first.
func (h *history) Since(after int64, limit int) []Event {
	h.mu.Lock()
	if limit <= 0 || after >= h.last {
		h.mu.Unlock()
		return nil
	}
	after = max(after, 0)
	first := h.last - int64(len(h.tail)) + 1
	if after+1 >= first {
		from := int(after + 1 - first)
		events := append([]Event(nil), h.tail[from:from+min(limit, len(h.tail)-from)]...)
		h.mu.Unlock()
		return events
	}
	// Older: read from the file, no further than what is complete there.
	from, size := h.marks[after/markEvery], h.size
	h.mu.Unlock()
	var events []Event
	// An error means that lines were damaged after they were written; the
	// reader gets the events before them.
	scan(io.NewSectionReader(h.file, from.offset, size-from.offset), from, func(e Event, _, _ int64) error {
		if e.Seq > after {
			events = append(events, e)
		}
		if len(events) == limit {
			return errStop
		}
		return nil
	})
	return events
}

// errStop ends a scan early.
var errStop = errors.New("stop")

// scan reads events from a journal whose next byte begins the event that from names. It
// calls see with each event and the offsets of its line, and returns the end of the last
// whole line. A torn last line, as a crash leaves it, is ignored. Any other damaged line
// is an error with its offset.
func scan(r io.Reader, from mark, see func(e Event, begin, end int64) error) (int64, error) {
	lines := bufio.NewReaderSize(r, 64<<10)
	next, offset := from.seq, from.offset
	for {
		line, err := readLine(lines)
		if errors.Is(err, io.EOF) {
			return offset, nil
		}
		if err != nil {
			return offset, fmt.Errorf("journal at offset %d: %w", offset, err)
		}
		var e Event
		if err := e.UnmarshalJSON(line); err != nil { // by json.Unmarshal, each line would be looked through twice
			if _, err := lines.Peek(1); errors.Is(err, io.EOF) {
				return offset, nil // a crash can leave a last line of any bytes
			}
			return offset, fmt.Errorf("journal at offset %d: not an event: %w", offset, err)
		}
		if e.Seq != next {
			return offset, fmt.Errorf("journal at offset %d: event %d where %d is expected", offset, e.Seq, next)
		}
		next++
		end := offset + int64(len(line)) + 1
		if err := see(e, offset, end); err != nil {
			if err == errStop {
				return end, nil
			}
			return offset, err
		}
		offset = end
	}
}

// lastEvent returns the event of the last whole line of the journal at path, and
// false where there is none.
func lastEvent(path string) (e Event, ok bool) {
	file, err := os.Open(path)
	if err != nil {
		return Event{}, false
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return Event{}, false
	}
	return eventBefore(file, info.Size())
}

// eventBefore returns the event of the last whole line before an offset of a
// journal, and false where there is none.
func eventBefore(journal io.ReaderAt, end int64) (e Event, ok bool) {
	begin := max(end-2*maxLine, 0) // two lines: the last one may be torn
	text, err := io.ReadAll(io.NewSectionReader(journal, begin, end-begin))
	if err != nil {
		return Event{}, false
	}
	text = text[:bytes.LastIndexByte(text, '\n')+1]
	line := text[bytes.LastIndexByte(bytes.TrimSuffix(text, []byte{'\n'}), '\n')+1:]
	return e, e.UnmarshalJSON(line) == nil
}

// readLine returns the next line without its newline, or io.EOF when there is
// no whole line.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > maxLine {
			return nil, fmt.Errorf("a line of more than %d bytes", maxLine)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return bytes.TrimSuffix(line, []byte{'\n'}), nil
	}
}
