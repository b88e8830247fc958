// Package pickle reads Python pickles without running Python.
//
// A pickle is a program for a small stack machine; Python's module pickletools
// describes every opcode. Run executes the opcodes that plain data, PyTorch's
// checkpoints and NumPy's arrays need, in protocols 2 to 5. A name in a pickle
// means nothing by itself. The caller's World says what it stands for and what
// calling it makes, and refuses what it does not know. So no code in a file can
// run.
//
// Memory is bounded: a pickle has at most a million opcodes, and each takes at
// most bytesPerStep bytes of memory, besides the text or digits that are in the
// input. Strings of bytes share the input's memory. The World limits its own
// memory.
package pickle

import "errors"

// ErrUnsupported is wrapped by errors about well-formed pickles of a kind that
// Run does not read.
var ErrUnsupported = errors.New("unsupported")

// bytesPerStep is the most memory that an opcode takes, including its share of
// the growing stack and memo.
const bytesPerStep = 256
