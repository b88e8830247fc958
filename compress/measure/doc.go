// Package measure deals with one file of weights, apart from any experiment:
// how accurate its network is on a test set, how sparse it is, whether it keeps
// what was promised, and what it becomes in integers. The commands evaluate,
// check and quantize stand on it.
package measure
