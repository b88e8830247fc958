package kernel

import (
	"fmt"
	"os"
	"strings"
)

// A Set is all operations in one instruction set. A Set is immutable and may
// be used from any number of goroutines.
type Set struct {
	Name         string // "avx512", "avx2" or "go"
	direct       directFuncs
	winograd     winogradFuncs
	elementwise  elementwiseFuncs
	integer      integerFuncs
	sparse       sparseFuncs
	slide        slideFuncs
	pool         poolFuncs
	activation   activationFuncs
	codes        codeFuncs
	integerSlide integerSlideFuncs
	peak         peakFuncs
	times        Times
}

// Times compares the ways to compute a convolution: typical times on maps of
// 32, 16 and 8 pixels, relative to direct convolution. See BenchmarkConv,
// BenchmarkWinograd, BenchmarkSparse and BenchmarkPlanes.
type Times struct {
	Winograd float64
	Sparse   float64 // times the density
	Convert  float64 // input, output and residual from planes to maps and back
}

// Times returns the set's typical times.
func (s *Set) Times() Times { return s.times }

// All returns the sets that this machine can run, fastest first. The last is
// always "go".
func All() []*Set {
	return append(assembled(), goSet())
}

// goSet is the definition of every operation.
func goSet() *Set {
	return &Set{
		Name:         "go",
		direct:       directGo(),
		winograd:     winogradGo(),
		elementwise:  elementwiseGo(),
		integer:      integerGo(),
		sparse:       sparseGo(),
		slide:        slideGo(),
		pool:         poolGo(),
		activation:   activationGo(),
		codes:        codesGo(),
		integerSlide: integerSlideGo(),
		peak:         peakGo(),
		times:        Times{Winograd: 0.19, Sparse: 1.2, Convert: 0.02},
	}
}

// EnvVar names the environment variable that Select reads.
const EnvVar = "ESPALIER_KERNEL"

// Select returns the set of that name. An empty name or "auto" takes the one
// that EnvVar names, or else the fastest. It is an error to ask for a set that
// this machine cannot run.
func Select(name string) (*Set, error) {
	if name == "" || name == "auto" {
		name = os.Getenv(EnvVar)
	}
	sets := All()
	if name == "" || name == "auto" {
		return sets[0], nil
	}
	var names []string
	for _, s := range sets {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
	}
	return nil, fmt.Errorf("kernel %q is not available on this machine; choose one of %s", name, strings.Join(names, ", "))
}
