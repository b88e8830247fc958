// Package kernel computes what the layers of convolutional networks need:
// convolutions of every geometry, linear layers, pools, activations, batch
// norm's passes, integer and sparse inference.
//
// Every operation is a method of Set, one Set per instruction set: "go" is
// plain Go, the definition of what each operation means and the path for
// machines without assembly; "avx2" and "avx512" replace its inner functions
// by assembly that the generator in _asm writes. Select picks one at start.
//
// Activations are laid out as Map says: blocks of 16 channels, the channel
// innermost, a border of zeros around each map. Kernels work on one image, or
// on one small group of images, in the caller's goroutine; they allocate
// nothing, start nothing, and one call takes less than 100 µs of assembly, so
// that the scheduler always finds a gap. Splitting a batch over workers is the
// caller's business (package model).
//
// Float kernels promise an error bound relative to the sum of absolute
// products, and all of them let NaN and Inf through. Elementwise kernels and
// integer kernels promise more, the bits of the Go version, on every machine:
// they round after each operation. Convolutions in floating point fuse products
// and sums where an instruction set has an instruction for it, also in Go on
// arm64. Results never depend on the number of threads.
package kernel

//go:generate go run -C _asm . ..
