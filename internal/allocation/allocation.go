// Package allocation measures what parsers allocate, for the tests that hold
// them to a limit.
package allocation

import "runtime"

// A Test is what Limit needs of a *testing.T.
type Test interface {
	Helper()
	Errorf(format string, values ...any)
}

// Limit calls parse, which reads n bytes that somebody else wrote, and fails
// the test when all that it allocates, freed or not, is more than perByte bytes
// for each of them and base beside. Nothing else may run meanwhile.
func Limit(t Test, n int, perByte, base uint64, parse func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	parse()
	runtime.ReadMemStats(&after)
	if have, most := after.TotalAlloc-before.TotalAlloc, uint64(n)*perByte+base; have > most {
		t.Errorf("%d bytes allocated to read %d: at most %d are allowed", have, n, most)
	}
}
