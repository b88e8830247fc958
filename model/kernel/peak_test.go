package kernel

import (
	"math"
	"testing"
	"time"
)

// TestPeak holds what does not depend on the machine: there are peaks, they
// are numbers, and measuring ends soon even where threads wait for each other.
func TestPeak(t *testing.T) {
	for _, s := range All() {
		for _, threads := range []int{1, 3} {
			start := time.Now()
			p := s.Peak(threads)
			for _, v := range []float64{p.Float, p.Integer} {
				if !(v > 1e6) || math.IsInf(v, 0) {
					t.Errorf("%s on %d threads: %+v", s.Name, threads, p)
				}
			}
			t.Logf("%s on %d threads: %.1f GFLOP/s, %.1f GOP/s in %v", s.Name, threads, p.Float/1e9, p.Integer/1e9, time.Since(start))
		}
	}
}

// BenchmarkPeak runs the loops that peaks are made of, on one thread.
func BenchmarkPeak(b *testing.B) {
	for _, s := range setsUnderTest(b) {
		for _, c := range []struct {
			name     string
			run      func(rounds int)
			perRound int
		}{{"float", s.peak.float, s.peak.floatPerRound}, {"integer", s.peak.integer, s.peak.integerPerRound}} {
			b.Run(c.name+"/"+s.Name, func(b *testing.B) {
				for b.Loop() {
					c.run(peakRounds)
				}
				b.ReportMetric(float64(c.perRound)*peakRounds*float64(b.N)/b.Elapsed().Seconds()/1e9, "Gop/s")
			})
		}
	}
}
