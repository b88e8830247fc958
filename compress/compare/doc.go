// Package compare explains how two networks differ: it runs both over the same
// images and measures, at every quantization point, how far the second one's
// activations are from the first one's.
//
// The points are those of model.Evaluator.Observe: the input, every convolution
// after its ReLU, every block's sum, the average pool and the logits. Both
// networks may be in float32 or in integers.
package compare
