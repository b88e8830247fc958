// Package cost says what a network costs: how many parameters and multiply-adds
// it has, how many bytes it takes, and how fast this machine computes it.
//
// Count reads a network. MACs are multiply-adds of the definition, padding
// counted like any other pixel; effective MACs leave those out whose weight is
// zero. FLOPs, where they are named, are 2 × MACs. Bytes are those of the
// safetensors file that this program writes of the network: as it is, with its
// zeros left out (see weights.EncodeSparse), and compressed by gzip and zstd.
//
// Measure computes random images and takes times. What it compares it measures
// in turn, so that what else the machine does meets all alike. A time is the
// median of its repetitions, and its spread the quartiles.
package cost
