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
	jobs      []chan job // to workers 1 and up; the caller is worker 0
	pending   atomic.Int32
	done      chan struct{} // told when no worker is pending any more
	failures  []*Failure    // by worker
	yielded   []time.Time   // when each worker last gave way
}

type job struct {
	run  func(worker, item int)
	a, b int // items a to b−1
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
	e := &Engine{Kernels: kernels, Algorithm: algorithm, threads: threads, done: make(chan struct{}, 1), failures: make([]*Failure, threads), yielded: make([]time.Time, threads)}
	for worker := 1; worker < threads; worker++ {
		jobs := make(chan job, 1)
		e.jobs = append(e.jobs, jobs)
		go func() {
			for j, ok := receive(jobs); ok; j, ok = receive(jobs) {
				e.do(worker, j)
				if e.pending.Add(-1) == 0 {
					e.done <- struct{}{}
				}
			}
		}()
	}
	return e
}

// Close ends the workers.
func (e *Engine) Close() {
	for _, jobs := range e.jobs {
		close(jobs)
	}
	e.jobs = nil
}

// Threads returns the number of workers, the caller included.
func (e *Engine) Threads() int { return e.threads }

// Each calls run(worker, item) for every item from 0 to n−1 and returns when
// all calls have. Items are split among the workers in contiguous ranges; calls
// with the same worker never overlap. Workers without items are not woken. The
// caller itself runs a single item.
func (e *Engine) Each(n int, run func(worker, item int)) {
	first := func(worker int) int { return (worker*n + e.threads - 1) / e.threads }
	others := max(0, min(n, e.threads)-1) // workers with items, beside the caller
	e.pending.Store(int32(others))
	for i, jobs := range e.jobs {
		if j := (job{run, first(i + 1), first(i + 2)}); j.a < j.b {
			jobs <- j
		}
	}
	e.do(0, job{run, 0, first(1)})
	if others > 0 {
		receive(e.done)
	}
	for worker, f := range e.failures {
		if f != nil {
			e.failures[worker] = nil
			panic(f)
		}
	}
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

func (e *Engine) do(worker int, j job) {
	defer func() {
		if v := recover(); v != nil {
			e.failures[worker] = &Failure{v, debug.Stack()}
		}
	}()
	for item := j.a; item < j.b; item++ {
		j.run(worker, item)
		// Go cannot preempt assembly: now and then, give way to the screen and
		// the garbage collector. If a processor is idle, this costs about a
		// twentieth of an int8 image.
		if now := time.Now(); now.Sub(e.yielded[worker]) >= yieldAfter {
			runtime.Gosched()
			e.yielded[worker] = time.Now()
		}
	}
}

// yieldAfter is how long a worker computes before it gives way.
const yieldAfter = time.Millisecond

// maxParts is the most parts of a batch. It limits the workers that one batch
// can use and the memory for partial gradients.
const maxParts = 16

// partSize returns the images in one part of a batch of n, so that there are at
// most limit parts. It is a multiple of 8, the most images that kernels group.
func partSize(n, limit int) int { return 8 * max(1, (n+8*limit-1)/(8*limit)) }

// parts returns the number of parts of a batch of n images.
func parts(n, limit int) int { return (n + partSize(n, limit) - 1) / partSize(n, limit) }

// part returns the images [a, b) of one part of a batch of n.
func part(n, limit, i int) (a, b int) {
	size := partSize(n, limit)
	return i * size, min(n, (i+1)*size)
}
