// Package model holds convolutional networks as graphs, trains them and evaluates
// them.
//
// A Graph is plain data: nodes with weights in PyTorch's layouts and under
// PyTorch's names. Builders make graphs (see Spec), passes turn them into others.
// A Trainer or an Evaluator compiles a graph once for a batch size: it fuses nodes
// into steps, schedules the steps, and gives values their memory. Then it runs the
// steps on workers. The arithmetic is in package kernel; package reference defines
// what every operator computes. Pruning and quantization work on a Graph from
// outside.
package model
