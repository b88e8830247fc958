// Package bench measures how fast this machine trains and runs a network:
// peaks of the processor first, then whole training steps and batches of
// inference, and how late other goroutines wake up while training uses every
// core.
//
// A figure is the median over repetitions, after a warm-up. Operations are
// direct-equivalent: two for each multiply-add of the definition of a
// convolution, however it is computed. Winograd and sparse convolution need
// fewer, so that their share of the peak may exceed 1.
package bench
