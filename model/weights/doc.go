// Package weights reads and writes files of weights.
//
// The native format is safetensors: eight bytes of header length, a JSON header
// that gives every tensor's type, shape and place, and the tensors' bytes in
// little-endian order (https://github.com/huggingface/safetensors, "Format").
// PyTorch checkpoints (.pt, .pth, .th; zip and legacy format) are read too, by
// a reader that never runs anything in a file: whatever is not a tensor becomes
// an inert object.
//
// Three steps lead from a file to a network. Open finds the tensors, and choose
// selects one network if there are several. Then tidy removes wrappers from
// names, skips counters and applies masks. Last, Network infers the
// architecture from names and shapes. Read, Parse and Write work on named
// tensors of any type, for checkpoints with optimiser state and for quantized
// networks.
//
// Every length in a file is checked against the bytes that the file has before
// memory is allocated for it. Reading a file and building its network takes at
// most 16 MB and 300 bytes for each of the file's own, which a pickle of only
// one-byte opcodes needs; weights take four times their size. A file has at most
// 1 GiB, a pickle in it 16 MiB and a million opcodes.
package weights
