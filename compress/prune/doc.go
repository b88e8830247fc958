// Package prune makes weights zero: it ranks them by a criterion, keeps the
// zeros with masks while a network is fine-tuned, counts them, and decides
// whether a pruned network is good enough to go on.
//
// Candidates are all convolution and linear weights except the edge layers: the
// first convolution and the classifier, whose weights are few and matter most.
// Sparsity targets are absolute: 0.7 after 0.5 means 70 % of the candidates,
// not 70 % of what is left.
//
// It also removes whole channels, so that a network gets smaller and faster
// without sparse kernels: GroupChannels finds which channels only go together,
// Scores ranks them, Choose picks those that stay within a Budget, and Slice
// returns the smaller network. EstimateNorms of package model, or fine-tuning,
// comes after.
//
// Training is not done here; a Trainer holds weights to the masks.
package prune
