package pickle

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"unicode/utf8"
)

// Limits of one value. The name of a module or class is shorter than maxName
// bytes; PyTorch's magic number has ten bytes.
const (
	maxName   = 256
	maxLong   = 255
	maxNumber = 640 // digits of 2 to the power of 8·255, and some
)

// A reader reads a pickle's bytes.
type reader struct {
	in  []byte
	pos int // of the next byte in in
}

func (r *reader) byte() (byte, error) {
	b, err := r.take(1)
	if err != nil {
		return 0, err
	}
	return b[0], nil
}

// take returns the next n bytes, which share the input's memory.
func (r *reader) take(n int) ([]byte, error) {
	if n > len(r.in)-r.pos {
		return nil, fmt.Errorf("%d bytes are wanted and %d are left; the file is truncated", n, len(r.in)-r.pos)
	}
	b := r.in[r.pos : r.pos+n : r.pos+n]
	r.pos += n
	return b, nil
}

// sized reads a count of width bytes, and then so many bytes.
func (r *reader) sized(width int, limit uint64) ([]byte, error) {
	b, err := r.take(width)
	if err != nil {
		return nil, err
	}
	n := number(b)
	if n > limit {
		return nil, fmt.Errorf("a value of %d bytes: at most %d are read", n, limit)
	}
	return r.take(int(n))
}

// number decodes a little-endian number of up to eight bytes.
func number(b []byte) uint64 {
	var whole [8]byte
	copy(whole[:], b)
	return binary.LittleEndian.Uint64(whole[:])
}

// line reads a name up to a newline.
func (r *reader) line() (string, error) {
	b, err := r.lineOf(maxName)
	return string(b), err
}

// lineOf returns the bytes, at most limit of them, up to a newline.
func (r *reader) lineOf(limit int) ([]byte, error) {
	rest := r.in[r.pos:]
	end := bytes.IndexByte(rest[:min(len(rest), limit)], '\n')
	if end < 0 {
		return nil, errors.New("a name or a value without an end; the file is truncated or damaged")
	}
	b, err := r.take(end + 1)
	if err != nil {
		return nil, err
	}
	return b[:end:end], nil
}

// text pushes a string that follows its length, a number of width bytes.
func (m *machine) text(width int) error {
	b, err := m.sized(width, uint64(len(m.in)))
	if err == nil && !utf8.Valid(b) {
		return errors.New("a string is not valid UTF-8; the file is damaged")
	}
	return m.made(err, func() any { return string(b) })
}

// long decodes a little-endian two's complement integer.
func long(b []byte) any {
	if len(b) <= 8 {
		v := int64(number(b))
		if n := len(b); n > 0 && n < 8 && b[n-1] >= 0x80 {
			v -= 1 << (8 * n)
		}
		return v
	}
	reversed := slices.Clone(b)
	slices.Reverse(reversed)
	v := new(big.Int).SetBytes(reversed)
	if b[len(b)-1] >= 0x80 {
		v.Sub(v, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	return v
}
