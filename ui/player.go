package ui

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"espalier/compress/pipeline"
)

// longestGap is how long a replay waits at most between two events, at speed 1:
// nobody wants to see pauses and evaluations in their full length.
const longestGap = 2 * time.Second

// The speeds of a replay: how many seconds of the run pass in one.
const slowest, fastest, firstSpeed = 0.25, 1024, 16

// A player tells a run that is over once more, in the order and the rhythm of
// its journal: a Source whose newest event moves forward with the clock.
type player struct {
	src   pipeline.Source
	clock func() time.Time

	mu      sync.Mutex
	seq     int64     // of the newest event told
	at      time.Time // when that happened in the run
	ahead   []pipeline.Event
	ended   bool // there is no event after seq
	playing bool
	speed   float64
	last    time.Time     // when the clock was last read
	credit  time.Duration // time of the run that passed since the newest event
}

func newPlayer(src pipeline.Source, clock func() time.Time) *player {
	return &player{src: src, clock: clock, playing: true, speed: firstSpeed}
}

// again returns a player at the beginning with the same speed.
func (p *player) again() *player {
	p.mu.Lock()
	defer p.mu.Unlock()
	return &player{src: p.src, clock: p.clock, playing: p.playing, speed: p.speed}
}

// Since tells the events after a number up to the moment that the replay has
// reached.
func (p *player) Since(after int64, limit int) []pipeline.Event {
	p.mu.Lock()
	p.advance()
	p.mu.Unlock()
	return p.told(after, limit)
}

// told returns events after a number of those told so far.
func (p *player) told(after int64, limit int) []pipeline.Event {
	p.mu.Lock()
	newest := p.seq
	p.mu.Unlock()
	if after >= newest {
		return nil
	}
	return p.src.Since(after, int(min(int64(limit), newest-after)))
}

// Changed is never signalled: a replay is asked at every tick.
func (p *player) Changed() <-chan struct{} { return nil }

var errReplay = errors.New("a replay takes no commands: R ends it")

func (p *player) Send(pipeline.Command) error { return errReplay }

// advance moves on by the time that passed. The caller holds mu.
func (p *player) advance() {
	now := p.clock()
	if p.playing && !p.last.IsZero() {
		p.credit += time.Duration(p.speed * float64(max(now.Sub(p.last), 0)))
	}
	p.last = now
	for p.playing {
		e, ok := p.next()
		if !ok {
			p.playing = false
			return
		}
		gap := min(max(e.Time.Sub(p.at), 0), longestGap)
		if p.at.IsZero() {
			gap = 0
		}
		if gap > p.credit {
			return
		}
		p.credit -= gap
		p.tell(e)
	}
}

// next returns the event after the newest one told. The caller holds mu.
func (p *player) next() (pipeline.Event, bool) {
	if len(p.ahead) == 0 {
		p.ahead = p.src.Since(p.seq, 512)
	}
	if p.ended = len(p.ahead) == 0; p.ended {
		return pipeline.Event{}, false
	}
	return p.ahead[0], true
}

// tell makes the next event known. The caller holds mu.
func (p *player) tell(e pipeline.Event) {
	p.ahead = p.ahead[1:]
	p.seq, p.at = e.Seq, e.Time
}

// seek tells all events up to the first step at or after a global one.
func (p *player) seek(step int) {
	p.skip(func(e pipeline.Event) bool {
		b, ok := e.Body.(pipeline.StepDone)
		return ok && b.GlobalStep >= step
	})
}

// until tells the events up to a number, which is not before the newest one told.
func (p *player) until(seq int64) {
	for _, e := range p.src.Since(seq-1, 1) {
		p.mu.Lock()
		p.ahead, p.credit = nil, 0
		p.seq, p.at = e.Seq, e.Time
		p.mu.Unlock()
	}
}

// end tells all events.
func (p *player) end() {
	p.skip(func(pipeline.Event) bool { return false })
}

// one tells the events up to the next step, and pauses.
func (p *player) one() {
	p.pause()
	p.skip(func(e pipeline.Event) bool {
		_, ok := e.Body.(pipeline.StepDone)
		return ok
	})
}

// event tells the next event, and pauses.
func (p *player) event() {
	p.pause()
	p.skip(func(pipeline.Event) bool { return true })
}

// skip tells events up to the first for which stop is true, that one included.
func (p *player) skip(stop func(pipeline.Event) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.credit = 0
	for {
		e, ok := p.next()
		if !ok {
			return
		}
		p.tell(e)
		if stop(e) {
			return
		}
	}
}

// pause stops the clock and returns the number of the newest event told.
func (p *player) pause() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.playing = false
	return p.seq
}

// toggle pauses or goes on.
func (p *player) toggle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.playing = !p.playing && !p.ended
	p.last, p.credit = p.clock(), 0
}

// faster multiplies the speed.
func (p *player) faster(factor float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.speed = min(max(p.speed*factor, slowest), fastest)
}

// done reports whether there is nothing more to tell.
func (p *player) done() bool {
	_, ended, _ := p.status()
	return ended
}

// status reports whether the replay moves, and its speed in words.
func (p *player) status() (playing, ended bool, speed string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.playing, p.ended, fmt.Sprintf("×%g", p.speed)
}
