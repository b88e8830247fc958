// Package quantize turns a trained float32 network into one that computes in
// integers: post-training quantization with uint8 activations and int8
// weights.
//
// A real value x is represented by a code q through
//
//	x = scale · (q − zero point)
//
// Activations have one scale and zero point per tensor (affine), weights one
// scale per output channel and the zero point 0 (symmetric). What a weight's
// scale is follows from the weights; what an activation's scale is follows
// from the values seen while calibrating: Calibrate streams images through
// the network and an Observer at every quantization point keeps their range.
// A Recipe says how ranges become scales, the way one framework does it. Build
// puts all of it together, and an Evaluator runs the result.
//
// A quantized network is the float network's graph: every value has a scale and a
// zero point, every weight of a convolution or linear layer is a code. Batch norm
// is folded into the convolution before it, and a ReLU belongs to what it follows.
// Operators that only move values, such as a max pool, keep the scale; recipes say
// which others do, and which values share an observer. Package reference defines
// what is computed.
//
// Codes can have fewer than 8 bits, layer by layer: a Recipe's Widths say how many. Mix
// chooses them from the layers' sensitivities. Prepare makes a float network round
// as the integer one does, for a model.Trainer, and Convert takes over what training
// made of it.
//
// Degenerate cases have defined results. A channel whose weights are all zero,
// as pruning leaves them, has the smallest scale and codes 0. An activation
// that was constantly zero has the smallest scale and zero point 0; any other
// constant has a range from 0 to it. A single calibration image is enough. NaN
// and infinities among weights or observed activations are errors that name
// the layer; NaN in an image given to the quantized network becomes code 0.
package quantize
