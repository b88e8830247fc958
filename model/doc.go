// Package model holds convolutional networks as graphs, trains them and evaluates
// them.
//
// A Graph is plain data: nodes with weights in PyTorch's layouts and under
// PyTorch's names. Builders make graphs (see Spec), passes turn them into others.
// A Trainer or an Evaluator compiles a graph once, for a batch size, and then runs
// it: it fuses nodes into steps, places values in memory that is planned once, and
// schedules the steps over workers. What they compute with comes from package
// kernel; what every operator means, package reference says. Pruning and
// quantization act on a Graph from outside.
package model
