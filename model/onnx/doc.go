// Package onnx writes networks as ONNX files, for onnxruntime and other readers
// of the format: in float32, and as integer networks with QuantizeLinear and
// DequantizeLinear around every operator (QDQ).
//
// Files have IR version 8 and operator set 13, the first with a scale for each
// channel. Input is "input" [batch][c][h][w], normalised as the metadata's mean
// and std say; output is "logits" [batch][classes]; any batch size works.
// Initializers have PyTorch's names (layer2.0.conv1.weight), and so do the
// values at the quantization points: "layer2.0.conv1" is that convolution's
// output after its ReLU, "layer2.0" a block's, "pool" the average pool's.
//
// It also reads files: other programs' float32 files, as graphs (see importer),
// and its own.
//
// Pruned weights are written as zeros, which compress well.
package onnx
