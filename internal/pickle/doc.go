// Package pickle reads Python pickles without running Python.
//
// A pickle is a program for a small stack machine; Python's module pickletools
// describes every opcode. Run executes the opcodes that plain data, PyTorch's
// checkpoints and NumPy's arrays need, in protocols 2 to 5. A name in a pickle
// means nothing by itself: what it stands for and what calling it makes is for
// the caller's World to say, which refuses what it does not know. So nothing
// that a file contains can run.
//
// Memory is bounded: a pickle has at most a million opcodes, and what Run makes
// of one takes at most BytesPerStep bytes beside the text or the digits that
// stand in the input. Strings of bytes share the input's memory. What a World
// makes is its own concern.
package pickle

import "errors"

// ErrUnsupported is wrapped by errors about pickles that are well formed and of
// a kind that Run does not read.
var ErrUnsupported = errors.New("unsupported")

// BytesPerStep is the most memory that an opcode takes, its share of a growing
// stack and memo included.
const BytesPerStep = 256
