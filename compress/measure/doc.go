// Package measure answers questions about a file of weights: how accurate the
// network is on a test set, how sparse it is, and whether it keeps what was
// promised. The commands evaluate and check stand on it; a running experiment
// measures its own network.
package measure
