// Package bits holds the numbers of whole runs: losses, weights, zeros, scales,
// zero points and accuracies, for every set of kernels and both algorithms. It
// has no code but its tests. They run small experiments and compare what the
// journal and the checkpoints say with the records in testdata, bit by bit.
//
// The records stand for the promise that a change of the program's structure
// changes no result. They hold numbers, not files: an event may get another
// form, and a checkpoint other metadata.
//
// A record is written anew only by a change that is meant to change numbers,
// whose commit message says which and why. A redesign, a speed-up or a
// correction elsewhere never does it. Another set of kernels or another
// experiment gets its first record freely. Both are done by
//
//	go test ./internal/bits -record [-run TestBits/avx2/winograd/smoke]
package bits
