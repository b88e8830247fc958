// Package weights reads and writes files of weights.
//
// The native format is safetensors: eight bytes of header length, a JSON header
// that gives every tensor's type, shape and place, and the tensors' bytes in
// little-endian order (https://github.com/huggingface/safetensors, "Format").
// PyTorch checkpoints (.pt, .pth, .th; zip and legacy format) are read too, by
// a reader of its own that runs nothing that a file contains: what is no tensor
// stands for itself and does nothing.
//
// Three steps lead from a file to a network. Open finds the tensors in it, and
// choose takes those of one network where there are several. Then tidy takes
// wrappers off their names, skips counters and applies masks, for any network.
// Last, Network works out the architecture from names and shapes. Read, Parse
// and Write deal in named tensors of any type,
// for checkpoints with optimiser state and for quantized networks.
//
// Every length that a file states is checked against the bytes that the file
// really has before memory is taken for it. Reading a file and building its
// network takes at most 16 MB and 300 bytes for each of the file's own, which is
// what a pickle of nothing but one-byte opcodes comes to; weights take four
// times their size. A file has at most 1 GiB, a pickle in it 16 MiB and a
// million opcodes.
package weights
