// Package measure works on one file of weights, without an experiment: it
// measures the network's accuracy and sparsity, checks them against limits, removes
// channels, and quantizes the network. The commands evaluate, check, prune and
// quantize use it.
package measure
