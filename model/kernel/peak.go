package kernel

import (
	"runtime"
	"sync"
	"time"
)

// A Peak is the speed that no kernel of a Set can exceed on this machine, in
// operations per second; a multiply-add is two. It is measured with
// multiply-adds whose operands stay in registers.
type Peak struct {
	Float   float64 // float32
	Integer float64 // as the integer kernels multiply: VPDPBUSD, VPMADDWD with VPADDD, or int32 in Go
}

// peakFuncs run rounds of multiply-adds. A round is so many operations.
type peakFuncs struct {
	float, integer                 func(rounds int)
	floatPerRound, integerPerRound int
}

const (
	peakRounds = 8192                 // of one call: well under 100 µs
	peakSlice  = 2 * time.Millisecond // of one measurement
	peakSlices = 40
)

// Peak measures s on so many threads at a time, in less than 0.2 s. Threads
// that share a physical core also share its peak.
func (s *Set) Peak(threads int) Peak {
	p := s.peak
	return Peak{
		Float:   best(threads, p.float, p.floatPerRound),
		Integer: best(threads, p.integer, p.integerPerRound),
	}
}

// best returns the fastest of several slices of time, since other load can only
// slow them down.
func best(threads int, run func(rounds int), perRound int) float64 {
	fastest := 0.0
	for range peakSlices {
		fastest = max(fastest, slice(threads, run)*float64(perRound))
	}
	return fastest
}

// slice returns the rounds per second of all threads together, each running
// for one slice of time at least.
func slice(threads int, run func(rounds int)) float64 {
	var (
		workers sync.WaitGroup
		start   = time.Now()
		calls   = make([]int, threads)
	)
	for i := range threads {
		workers.Go(func() {
			n := 0
			for time.Since(start) < peakSlice {
				run(peakRounds)
				n++
				runtime.Gosched()
			}
			calls[i] = n
		})
	}
	workers.Wait()
	elapsed := time.Since(start)
	total := 0
	for _, n := range calls {
		total += n
	}
	return float64(total) * peakRounds / elapsed.Seconds()
}

func peakGo() peakFuncs {
	return peakFuncs{float: peakFloatGo, floatPerRound: 2 * 12, integer: peakIntegerGo, integerPerRound: 2 * 8}
}

// sink keeps the compiler from removing loops whose results are not used.
//
//go:noinline
func sink[T any](T) {}

// The sums start from different values, and none from 2, which halving and
// adding 1 does not change: the compiler would merge equal sums and remove
// constant ones.

func peakFloatGo(rounds int) {
	var a, b, c, d, e, f float32 = 3, 4, 5, 6, 7, 8
	var g, h, i, j, k, l float32 = 9, 10, 11, 12, 13, 14
	w, v := float32(0.5), float32(1)
	for range rounds {
		a, b, c, d, e, f = a*w+v, b*w+v, c*w+v, d*w+v, e*w+v, f*w+v
		g, h, i, j, k, l = g*w+v, h*w+v, i*w+v, j*w+v, k*w+v, l*w+v
	}
	sink(a + b + c + d + e + f + g + h + i + j + k + l)
}

func peakIntegerGo(rounds int) {
	var a, b, c, d, e, f, g, h int32 = 0, 1, 2, 3, 4, 5, 6, 7
	w, v := int32(rounds), int32(-1)
	for range rounds {
		a, b, c, d = a*w+v, b*w+v, c*w+v, d*w+v
		e, f, g, h = e*w+v, f*w+v, g*w+v, h*w+v
	}
	sink(a + b + c + d + e + f + g + h)
}
