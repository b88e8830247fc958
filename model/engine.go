package model

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"

	"espalier/model/kernel"
)

// Algorithm says how 3×3 convolutions of stride 1 are computed.
type Algorithm string

const (
	// Auto takes Winograd wherever it applies.
	Auto Algorithm = "auto"
	// DirectOnly sums products as in the definition.
	DirectOnly Algorithm = "direct"
	// WinogradOnly is F(4×4, 3×3), which needs a quarter of the multiplications
	// and has larger rounding errors. Convolutions that it does not apply to
	// are direct.
	WinogradOnly Algorithm = "winograd"
)

// ParseAlgorithm returns the algorithm of that name. Empty means Auto.
func ParseAlgorithm(name string) (Algorithm, error) {
	switch a := Algorithm(name); a {
	case "":
		return Auto, nil
	case Auto, DirectOnly, WinogradOnly:
		return a, nil
	}
	return "", fmt.Errorf("algorithm %q: want %s, %s or %s", name, Auto, DirectOnly, WinogradOnly)
}

// An Engine holds the kernels and the workers that networks compute with. Work
// is split into parts that do not depend on the number of workers, so results
// do not either. An Engine serves one caller at a time.
type Engine struct {
	Kernels   *kernel.Set
	Algorithm Algorithm
	threads   int
	wake      []chan struct{} // tells workers 1 and up that there is work; the caller is worker 0
	run       func(worker, item int)
	ranges    []itemRange   // by worker
	left      atomic.Int32  // items that are not done
	done      chan struct{} // told when none is left
	failures  []*Failure    // by worker
	yielded   []time.Time   // when each worker last gave way
}

// An itemRange is the items, first to end−1, that one worker takes in order, and
// that others take from the end of when they have none left. Both numbers are in one
// word. Each range has a line of the cache to itself.
type itemRange struct {
	firstEnd atomic.Uint64
	_        [56]byte
}

func (r *itemRange) set(first, end int) { r.firstEnd.Store(uint64(first)<<32 | uint64(end)) }

// take returns an item that nobody has taken, the first one or the last; ok is false
// if there is none.
func (r *itemRange) take(last bool) (item int, ok bool) {
	for {
		both := r.firstEnd.Load()
		first, end := int(both>>32), int(both&(1<<32-1))
		if first >= end {
			return 0, false
		}
		item, next := first, both+1<<32
		if last {
			item, next = end-1, both-1
		}
		if r.firstEnd.CompareAndSwap(both, next) {
			return item, true
		}
	}
}

// A Failure is a panic of a worker, raised again in the caller's goroutine.
type Failure struct {
	Value any
	Stack []byte // of the worker
}

// Error describes the panic without its stack.
func (f *Failure) Error() string { return fmt.Sprintf("worker: %v", f.Value) }

// NewEngine starts the workers. Threads below 1 means GOMAXPROCS. Close ends
// the workers.
func NewEngine(kernels *kernel.Set, threads int, algorithm Algorithm) *Engine {
	if threads < 1 {
		threads = runtime.GOMAXPROCS(0)
	}
	e := &Engine{
		Kernels: kernels, Algorithm: algorithm, threads: threads,
		ranges: make([]itemRange, threads), done: make(chan struct{}, 1),
		failures: make([]*Failure, threads), yielded: make([]time.Time, threads),
	}
	for worker := 1; worker < threads; worker++ {
		wake := make(chan struct{}, 1)
		e.wake = append(e.wake, wake)
		go func() {
			for _, ok := receive(wake); ok; _, ok = receive(wake) {
				if e.work(worker) {
					e.done <- struct{}{}
				}
			}
		}()
	}
	return e
}

// Close ends the workers.
func (e *Engine) Close() {
	for _, wake := range e.wake {
		close(wake)
	}
	e.wake = nil
}

// Threads returns the number of workers, the caller included.
func (e *Engine) Threads() int { return e.threads }

// Each calls run(worker, item) for every item from 0 to n−1 and returns when
// all calls have. Each worker begins with a contiguous range of items, of which
// workers that have done theirs take some: a slow core is not waited for longer than
// for one item. Calls with the same worker never overlap. Workers without items are
// not woken, and a single item is the caller's.
func (e *Engine) Each(n int, run func(worker, item int)) {
	if n < 1 {
		return
	}
	first := func(worker int) int { return (worker*n + e.threads - 1) / e.threads }
	e.run = run
	e.left.Store(int32(n))
	for worker := range e.ranges {
		e.ranges[worker].set(first(worker), first(worker+1))
	}
	for i, wake := range e.wake {
		if first(i+1) < first(i+2) {
			select {
			case wake <- struct{}{}:
			default: // it has yet to look for the work of a call before, and will find this
			}
		}
	}
	if !e.work(0) {
		receive(e.done)
	}
	e.run = nil // an engine keeps no network in memory
	for worker, f := range e.failures {
		if f != nil {
			e.failures[worker] = nil
			panic(f)
		}
	}
}

// work does items until all are taken. It reports whether the worker did the last
// one. Whoever holds an item may read e.run: the call that gave it cannot end.
func (e *Engine) work(worker int) (last bool) {
	for i := range e.ranges {
		from := &e.ranges[(worker+i)%e.threads]
		for {
			item, ok := from.take(i > 0)
			if !ok {
				break
			}
			e.do(worker, item)
			last = e.left.Add(-1) == 0
		}
	}
	return last
}

// receive takes the next value of c. It polls for a while before it sleeps: waking
// a sleeping processor takes longer than most of an engine's waits, and the host
// may give a sleeping virtual processor to others for several milliseconds.
func receive[T any](c <-chan T) (v T, ok bool) {
	for begun, looks := time.Now(), 1; ; looks++ {
		select {
		case v, ok = <-c:
			return v, ok
		default:
		}
		if looks%looksAtOnce == 0 {
			if time.Since(begun) >= staysAwake {
				v, ok = <-c
				return v, ok
			}
			runtime.Gosched()
		}
	}
}

const (
	staysAwake  = 5 * time.Millisecond // then a worker without work sleeps
	looksAtOnce = 4096                 // about 10 µs; then others may have the processor
)

// do computes one item. Go cannot preempt assembly: now and then, it gives way to the
// screen and the garbage collector. If a processor is idle, this costs about a
// twentieth of an int8 image.
func (e *Engine) do(worker, item int) {
	defer func() {
		if v := recover(); v != nil {
			e.failures[worker] = &Failure{v, debug.Stack()}
		}
	}()
	e.run(worker, item)
	if now := time.Now(); now.Sub(e.yielded[worker]) >= yieldAfter {
		runtime.Gosched()
		e.yielded[worker] = time.Now()
	}
}

// yieldAfter is how long a worker computes before it gives way.
const yieldAfter = time.Millisecond

// maxParts is the most parts of a batch. It limits the workers that one batch
// can use and the memory for partial gradients.
const maxParts = 16

// share returns how many images of a batch each worker has if all have as many.
func (e *Engine) share(batch int) int { return max(1, (batch+e.threads-1)/e.threads) }

// partSize returns how many images of a batch of n make one part, of which there
// are limit at most: a multiple of 8, which is what the kernels group at most.
func partSize(n, limit int) int { return 8 * max(1, (n+8*limit-1)/(8*limit)) }

// parts returns the number of parts of a batch of n images.
func parts(n, limit int) int { return (n + partSize(n, limit) - 1) / partSize(n, limit) }

// part returns the images [a, b) of one part of a batch of n.
func part(n, limit, i int) (a, b int) {
	size := partSize(n, limit)
	return i * size, min(n, (i+1)*size)
}
