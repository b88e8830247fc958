// Package cost says what a network costs: how many parameters and multiply-adds
// it has, how many bytes it takes, and how fast this machine computes it.
//
// Count reads a network. MACs are multiply-adds of the definition, padding
// counted like any other pixel; effective MACs leave out those whose weight is
// zero. FLOPs are always 2 × MACs. Bytes are those of the safetensors file that
// this program writes: as it is, without its zeros (see weights.EncodeSparse),
// and compressed by gzip and zstd.
//
// Measure times the network on random images. It measures in turn what it
// compares, so that other load affects all alike. A time is the median of its
// repetitions, and its spread is the quartiles.
package cost
