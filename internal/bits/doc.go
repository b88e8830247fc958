// Package bits holds the numbers of whole runs: losses, weights, zeros, scales,
// zero points and accuracies, for every set of kernels and both algorithms. It
// has no code except its tests. They run small experiments and compare the
// numbers in journal and checkpoints with the records in testdata, bit by bit.
//
// The records show that a change of the program's structure changes no result.
// They hold numbers, not files: the form of an event and the metadata of a
// checkpoint may change.
//
// A record is written anew only by a change that is meant to change numbers,
// whose commit message says which and why. A redesign, a speed-up or a
// correction elsewhere never does it. A new set of kernels or a new experiment
// may be recorded at any time. Both are done by
//
//	go test ./internal/bits -record [-run TestBits/avx2/winograd/smoke]
package bits
