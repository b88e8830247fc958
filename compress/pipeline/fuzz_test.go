package pipeline

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"espalier/internal/allocation"
)

// FuzzScan reads whatever stands in a journal: what is taken for events can be
// folded and written again, and stands in whole lines before the end that scan
// tells.
func FuzzScan(f *testing.F) {
	f.Add([]byte(`{"seq":1,"time":"2026-11-22T14:02:19Z","kind":"log","data":{"level":"info"}}` + "\n"))
	f.Add([]byte(`{"seq":1,"time":"2026-11-22T14:02:19Z","kind":"step_done","data":{"loss":null}}` + "\n{"))
	f.Add([]byte(`{"seq":1,"time":"2026-11-22T14:02:19Z","kind":"sensitivity","data":{"loss":null,"layers":[{"name":"fc","loss":null},{}]}}` + "\n"))
	f.Add([]byte(`{"seq":9,"kind":"scales","data":null}` + "\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var s State
		var again bytes.Buffer
		var end, last int64
		allocation.Limit(t, len(data), 512, 256<<10, func() {
			end, _ = scan(bytes.NewReader(data), start, func(e Event, begin, end int64) error {
				if begin != last || e.Seq != s.Seq+1 {
					t.Errorf("event %d after %d, from %d after %d", e.Seq, s.Seq, begin, last)
				}
				last = end
				s.Apply(e)
				return json.NewEncoder(&again).Encode(e)
			})
		})
		if end != last || end > int64(len(data)) || end > 0 && data[end-1] != '\n' {
			t.Errorf("the events end at %d, and the last one at %d", end, last)
		}
		var read int64
		if _, err := scan(&again, start, func(e Event, _, _ int64) error { read = e.Seq; return nil }); err != nil || read != s.Seq {
			t.Errorf("%d of %d events when read again, %v", read, s.Seq, err)
		}
	})
}

// A talker is a connection: what came, and what was answered.
type talker struct {
	bytes.Reader
	answers bytes.Buffer
}

func (t *talker) Write(b []byte) (int, error) { return t.answers.Write(b) }

// FuzzServe lets a client say anything on the socket: every line up to the first
// that is too long gets one answer, good commands alone are handed on, marked as
// the socket's.
func FuzzServe(f *testing.F) {
	f.Add([]byte(`{"do":"pause"}` + "\n" + `{"do":"dance"}` + "\n"))
	f.Add([]byte(`{"do":"note","text":"a","source":"keyboard"}` + "\n\n{"))
	f.Add([]byte(strings.Repeat("x", maxCommand+1) + "\n" + `{"do":"pause"}`))
	f.Fuzz(func(t *testing.T, said []byte) {
		var c talker
		c.Reset(said)
		taken := 0
		s := &server{send: func(c Command) error {
			if taken++; c.Source != "socket" || c.Check() != nil {
				t.Errorf("%+v is handed on", c)
			}
			return nil
		}}
		allocation.Limit(t, len(said), 512, 512<<10, func() { s.serve(&c) })
		answers, accepted := bytes.SplitAfter(c.answers.Bytes(), []byte("\n")), 0
		if len(answers)-1 > bytes.Count(said, []byte("\n"))+1 {
			t.Errorf("%d answers to %d lines", len(answers)-1, bytes.Count(said, []byte("\n"))+1)
		}
		for _, a := range answers[:len(answers)-1] {
			var r reply
			if err := json.Unmarshal(a, &r); err != nil {
				t.Errorf("answer %q: %v", a, err)
			}
			if r.Error == "" {
				accepted++
			}
		}
		if accepted != taken {
			t.Errorf("%d commands were handed on and %d accepted", taken, accepted)
		}
	})
}

// FuzzReadStep changes the header of a step checkpoint, which is what a reader
// can trip over, and wants a state that a run can go on from, or an error.
func FuzzReadStep(f *testing.F) {
	r, err := Create(f.TempDir(), "run", tiny(f))
	if err != nil {
		f.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	watcher := r.Hub.Watch()
	go func() {
		for range watcher.Changed() {
			if r.Hub.State().GlobalStep > 0 {
				cancel()
				return
			}
		}
	}()
	parts := tinyParts()
	parts.CheckpointEvery = time.Nanosecond
	if _, err := r.Do(ctx, parts); err != nil {
		f.Fatal(err)
	}
	cancel()
	r.Close()
	good, err := os.ReadFile(r.Folder.Path(stepCheckpoints[0]))
	if err != nil {
		f.Fatal(err)
	}
	header := 8 + binary.LittleEndian.Uint64(good)
	f.Add(good[:header])
	f.Add(bytes.Replace(good[:header], []byte(`"step":"`), []byte(`"step":"-`), 1))
	path := filepath.Join(f.TempDir(), "step")
	f.Fuzz(func(t *testing.T, head []byte) {
		file := slices.Concat(head, good[min(len(head), len(good)):])
		if err := os.WriteFile(path, file, 0o644); err != nil {
			t.Fatal(err)
		}
		var p past
		var err error
		allocation.Limit(t, len(file), 300, 32<<20, func() { p, err = readStep(path) })
		if err != nil {
			return
		}
		if s := p.step; s.step < 0 || s.steps < s.step || s.round < 0 || p.seq < 1 || p.net == nil {
			t.Errorf("%+v", s)
		}
	})
}
