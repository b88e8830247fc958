// Package prune makes weights zero: it ranks them by magnitude, keeps the
// zeros with masks while a network is fine-tuned, counts them, and decides
// whether a pruned network is good enough to go on.
//
// Candidates are all convolution and linear weights except the edge layers: the
// first convolution and the classifier, whose weights are few and matter most.
// Sparsity targets are absolute: 0.7 after 0.5 means 70 % of the candidates,
// not 70 % of what is left.
//
// Training is not done here; a Trainer holds weights to the masks.
package prune
