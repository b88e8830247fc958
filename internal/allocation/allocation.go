// Package allocation measures what parsers allocate, for tests that limit it.
package allocation

import "runtime"

// A Test is the part of *testing.T that Limit needs.
type Test interface {
	Helper()
	Errorf(format string, values ...any)
}

// Limit calls parse, which reads n untrusted bytes. It fails the test if parse
// allocates more than perByte bytes for each of them plus base, freed or not.
// Nothing else may run meanwhile.
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
