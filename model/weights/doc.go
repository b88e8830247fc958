// Package weights reads and writes files of weights.
//
// The native format is safetensors: eight bytes of header length, a JSON header
// that gives every tensor's type, shape and place, and the tensors' bytes in
// little-endian order (https://github.com/huggingface/safetensors, "Format").
// PyTorch checkpoints (.pt, .pth, .th; zip and legacy format) are read too, by
// a reader of its own that understands a closed list of pickle opcodes and
// globals and runs nothing that a file contains.
//
// Two levels: Load and Save deal in networks and work out the architecture from
// names and shapes; Read, Parse and Write deal in named tensors of any type,
// for checkpoints with optimiser state and for quantized networks.
//
// Every length that a file states is checked against the bytes that the file
// really has before memory is taken for it.
package weights
