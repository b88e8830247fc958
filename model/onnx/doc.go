// Package onnx writes networks as ONNX files, for onnxruntime and everything
// else that reads the format: in float32, and in integers with QuantizeLinear
// and DequantizeLinear around every operator (QDQ).
//
// Files have IR version 8 and operator set 13, the first with a scale for each
// channel. Input is "input" [batch][c][h][w], normalised as the metadata's
// mean and std say; output is "logits" [batch][classes]; the batch is free.
// Initializers carry PyTorch's names (layer2.0.conv1.weight), and so do the
// values at the points where an integer network quantizes: "layer2.0.conv1" is
// that convolution's output after its ReLU, "layer2.0" a block's, "pool" the
// average pool's.
//
// It also reads files: those of other programs in float32, as graphs (see
// importer), and its own.
//
// Zeros that pruning left are written like other weights; they are what makes
// the compressed file small.
package onnx
