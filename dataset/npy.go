package dataset

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// A header says what a .npy file holds.
type header struct {
	kind  byte // NumPy's letter: u, i or f; others are refused
	size  int  // bytes of an element
	order binary.ByteOrder
	shape []int
}

var (
	descrIs   = regexp.MustCompile(`'descr': *'([<>|=])([a-zA-Z])([0-9]{1,4})'`)
	fortranIs = regexp.MustCompile(`'fortran_order': *(True|False)`)
	shapeIs   = regexp.MustCompile(`'shape': *\(([0-9, ]*)\)`)
)

// readHeader reads the head of a .npy file, format versions 1 to 3: a magic, the
// version, the length of a Python dict, and the dict. See numpy.lib.format.
func readHeader(r io.Reader) (h header, err error) {
	start := make([]byte, 12)
	if _, err := io.ReadFull(r, start[:10]); err != nil || string(start[:6]) != "\x93NUMPY" {
		return h, fmt.Errorf("it is no array of NumPy's, or is truncated")
	}
	length := int(binary.LittleEndian.Uint16(start[8:]))
	if start[6] >= 2 {
		if _, err := io.ReadFull(r, start[10:]); err != nil {
			return h, fmt.Errorf("its head is truncated")
		}
		length = int(min(binary.LittleEndian.Uint32(start[8:]), 1<<20))
	}
	if length > 1<<16 {
		return h, fmt.Errorf("its head has %d bytes: it is damaged", length)
	}
	dict := make([]byte, length)
	if _, err := io.ReadFull(r, dict); err != nil {
		return h, fmt.Errorf("its head is truncated")
	}
	descr, fortran, shape := descrIs.FindSubmatch(dict), fortranIs.FindSubmatch(dict), shapeIs.FindSubmatch(dict)
	if descr == nil || fortran == nil || shape == nil {
		return h, fmt.Errorf("its head is none of a plain array: save plain numbers, no objects or records")
	}
	if string(fortran[1]) == "True" {
		return h, fmt.Errorf("it is stored column by column: save numpy.ascontiguousarray of it")
	}
	h.kind, h.order = descr[2][0], binary.LittleEndian
	if descr[1][0] == '>' {
		h.order = binary.BigEndian
	}
	h.size, _ = strconv.Atoi(string(descr[3]))
	whole := h.size == 1 || h.size == 2 || h.size == 4 || h.size == 8
	if !(whole && (h.kind == 'u' || h.kind == 'i')) && !(h.kind == 'f' && (h.size == 4 || h.size == 8)) {
		return h, fmt.Errorf("its type is %s: save whole numbers, float32 or float64", descr[0])
	}
	total := 1
	for field := range strings.SplitSeq(string(shape[1]), ",") {
		if field = strings.TrimSpace(field); field == "" {
			continue
		}
		v, err := strconv.Atoi(field)
		if err != nil || v < 1 || v > math.MaxInt/16/total {
			return h, fmt.Errorf("its shape (%s) is empty or beyond any memory", shape[1])
		}
		total *= v
		h.shape = append(h.shape, v)
	}
	return h, nil
}

// len returns the number of elements.
func (h header) len() int {
	n := 1
	for _, d := range h.shape {
		n *= d
	}
	return n
}

// number decodes an element.
func (h header) number(b []byte) float64 {
	switch {
	case h.kind == 'f' && h.size == 4:
		return float64(math.Float32frombits(h.order.Uint32(b)))
	case h.kind == 'f':
		return math.Float64frombits(h.order.Uint64(b))
	}
	var v uint64
	switch h.size {
	case 1:
		v = uint64(b[0])
	case 2:
		v = uint64(h.order.Uint16(b))
	case 4:
		v = uint64(h.order.Uint32(b))
	default:
		v = h.order.Uint64(b)
	}
	if h.kind == 'i' {
		shift := 64 - 8*h.size
		return float64(int64(v<<shift) >> shift)
	}
	return float64(v)
}

// each calls see with every element behind the head, in order.
func (h header) each(r io.Reader, see func(i int, v float64) error) error {
	buf := make([]byte, 8192*h.size)
	for i, n := 0, h.len(); i < n; {
		part := buf[:min(n-i, 8192)*h.size]
		if _, err := io.ReadFull(r, part); err != nil {
			return fmt.Errorf("it ends before element %d of %d: it is truncated or damaged (%w)", i, n, err)
		}
		for ; len(part) > 0; part = part[h.size:] {
			if err := see(i, h.number(part)); err != nil {
				return err
			}
			i++
		}
	}
	return nil
}
