// Package compare explains how two networks differ: it runs both over the same
// images and measures the difference of their activations at every quantization
// point.
//
// The points are those of model.Evaluator.Observe: the input, every convolution
// after its ReLU, every block's sum, the average pool and the logits. Both
// networks may be in float32 or in integers.
package compare
