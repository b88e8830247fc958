// Package kernel holds the arithmetic of convolutional networks: convolutions
// of every geometry, linear layers, pools, activations, batch norm's passes,
// integer and sparse inference.
//
// Every operation is a method of Set, and there is one Set for each instruction
// set. "go" is plain Go: it defines each operation and runs on machines without
// assembly. "avx2" and "avx512" replace inner functions with assembly that the
// generator in _asm writes. Select chooses a Set at start.
//
// Activations are laid out as in Map: blocks of 16 channels, the channel
// innermost, a border of zeros around each map. Kernels work on one image, or a
// small group of images, in the caller's goroutine. They allocate nothing and
// start no goroutine. One call spends less than 100 µs in assembly, which Go
// cannot preempt. The caller splits a batch over workers (package model).
//
// Float kernels keep an error bound relative to the sum of absolute products,
// and pass on NaN and Inf. Elementwise kernels and integer kernels return the
// same bits as the Go version on every machine: they round after each
// operation. Float convolutions fuse multiplications and additions if the
// instruction set can, also in Go on arm64. Results never depend on the number
// of threads.
package kernel

//go:generate go run -C _asm . ..
