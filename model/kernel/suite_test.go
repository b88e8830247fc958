package kernel

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// Every implementation of an operation runs the same tests: eachSet hands the
// sets out, guardedFloats finds accesses outside of buffers, and within holds
// results to a bound derived from the number of terms that were added up.

var kernelFlag = flag.String("kernel", "", "test and measure only this set: avx512, avx2 or go")

// setsUnderTest returns the sets that this machine can run, or the one that
// -kernel names.
func setsUnderTest(t testing.TB) []*Set {
	if *kernelFlag == "" {
		return All()
	}
	s, err := Select(*kernelFlag)
	if err != nil {
		t.Fatal(err)
	}
	return []*Set{s}
}

// eachSet runs f as a subtest for every set under test.
func eachSet(t *testing.T, f func(t *testing.T, s *Set)) {
	for _, s := range setsUnderTest(t) {
		t.Run(s.Name, func(t *testing.T) { f(t, s) })
	}
}

// guardedFloats returns n zeros at a multiple of 64 bytes, or offset floats
// behind one, between guards of NaN: what reads a guard shows it in its
// results, what writes one fails the test when it ends.
func guardedFloats(t testing.TB, n, offset int) []float32 {
	const guard = 256
	const pattern = 0x7fc0beef // a NaN that no arithmetic makes
	all := Floats(guard + offset + n + guard)
	front, b, back := all[:guard+offset], all[guard+offset:][:n:n], all[guard+offset+n:]
	for _, g := range [][]float32{front, back} {
		for i := range g {
			g[i] = math.Float32frombits(pattern)
		}
	}
	t.Cleanup(func() {
		for i, v := range front {
			if math.Float32bits(v) != pattern {
				t.Errorf("wrote %v %d floats before a buffer of %d", v, len(front)-i, n)
			}
		}
		for i, v := range back {
			if math.Float32bits(v) != pattern {
				t.Errorf("wrote %v %d floats behind a buffer of %d", v, i+1, n)
			}
		}
	})
	return b
}

// newRand returns the random stream of that seed.
func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

// fillNormal fills b with normally distributed values and returns it.
func fillNormal(r *rand.Rand, b []float32) []float32 {
	for i := range b {
		b[i] = float32(r.NormFloat64())
	}
	return b
}

// An exact is a result in float64 with what its accuracy in float32 is measured
// by.
type exact struct {
	sum   float64
	total float64 // Σ|terms|
	terms int     // how many were added up
}

// add adds one term.
func (e *exact) add(term float64) {
	e.sum += term
	e.total += math.Abs(term)
	e.terms++
}

// bound returns the largest error that adding up e's terms in float32, in any
// order, can make: γ_n·Σ|terms| with γ_n = n·u/(1−n·u) and u = 2⁻²⁴, n being
// the number of roundings (Higham, Accuracy and Stability of Numerical
// Algorithms, section 3.1).
func (e exact) bound() float64 {
	nu := float64(e.terms+1) * 0x1p-24
	return nu / (1 - nu) * e.total
}

// within fails the test unless every got is as close to want as its bound
// allows, times slack for algorithms that do more than add up (1 otherwise).
// NaN and Inf must be where the exact result has them.
func within(t testing.TB, what string, got []float32, want []exact, slack float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	worst, at := 0.0, 0
	for i, g := range got {
		ratio := want[i].ratio(float64(g)) / slack
		if ratio > worst {
			worst, at = ratio, i
		}
	}
	if worst > 1 {
		t.Errorf("%s[%d] = %v, want %v ± %.3g: %.3g times the bound", what, at, got[at], want[at].sum, slack*want[at].bound(), worst)
	}
}

// ratio returns got's error as a multiple of the bound.
func (e exact) ratio(got float64) float64 {
	diff := math.Abs(got - e.sum)
	switch {
	case math.IsNaN(e.sum) || math.IsInf(e.sum, 0):
		if math.IsNaN(got) == math.IsNaN(e.sum) && (math.IsNaN(got) || got == e.sum) {
			return 0
		}
		return math.Inf(1)
	case diff == 0:
		return 0
	case math.IsNaN(diff) || e.bound() == 0:
		return math.Inf(1)
	}
	return diff / e.bound()
}

// gigaflops reports a benchmark's speed, given the multiply-adds per iteration.
func gigaflops(b *testing.B, macs int) {
	b.ReportMetric(2*float64(macs)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
}

// eachShape runs f as a subtest for every geometry.
func eachShape(t *testing.T, convs []Conv, f func(t *testing.T, c Conv)) {
	for i, c := range convs {
		t.Run(fmt.Sprintf("%d:%v", i, c), func(t *testing.T) { f(t, c) })
	}
}
