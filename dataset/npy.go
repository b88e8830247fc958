package dataset

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"

	"espalier/internal/numpy"
)

// A header says what a .npy file holds.
type header struct {
	numpy.Type // whole numbers, float32 or float64; others are refused
	shape      []int
}

var (
	descrIs   = regexp.MustCompile(`'descr': *'([<>|=][a-zA-Z][0-9]{1,4})'`)
	fortranIs = regexp.MustCompile(`'fortran_order': *(True|False)`)
	shapeIs   = regexp.MustCompile(`'shape': *\(([0-9, ]*)\)`)
)

// readHeader reads the head of a .npy file, format versions 1 to 3: a magic, the
// version, the length of a Python dict, and the dict. See numpy.lib.format.
func readHeader(r io.Reader) (h header, err error) {
	start := make([]byte, 12)
	if _, err := io.ReadFull(r, start[:10]); err != nil || string(start[:6]) != "\x93NUMPY" {
		return h, fmt.Errorf("it is not a NumPy array, or it is truncated")
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
		return h, fmt.Errorf("it does not hold a plain array: save numbers, not objects or records")
	}
	if string(fortran[1]) == "True" {
		return h, fmt.Errorf("it is stored column by column: save numpy.ascontiguousarray(x)")
	}
	h.Type = numpy.ParseType(string(descr[1]))
	switch h.Type.String() {
	case "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "float32", "float64":
	default:
		return h, fmt.Errorf("its type is %s: save whole numbers, float32 or float64", descr[1])
	}
	total := 1
	for field := range strings.SplitSeq(string(shape[1]), ",") {
		if field = strings.TrimSpace(field); field == "" {
			continue
		}
		v, err := strconv.Atoi(field)
		if err != nil || v < 1 || v > math.MaxInt/16/total {
			return h, fmt.Errorf("its shape (%s) is empty or too large", shape[1])
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
	var order binary.ByteOrder = binary.LittleEndian
	if h.Big {
		order = binary.BigEndian
	}
	var v uint64
	switch h.Size {
	case 1:
		v = uint64(b[0])
	case 2:
		v = uint64(order.Uint16(b))
	case 4:
		v = uint64(order.Uint32(b))
	default:
		v = order.Uint64(b)
	}
	switch {
	case h.Kind == 'i':
		shift := 64 - 8*h.Size
		return float64(int64(v<<shift) >> shift)
	case h.Kind == 'u':
		return float64(v)
	case h.Size == 4:
		return float64(math.Float32frombits(uint32(v)))
	}
	return math.Float64frombits(v)
}

// each calls see with every element behind the head, in order.
func (h header) each(r io.Reader, see func(i int, v float64) error) error {
	buf := make([]byte, 8192*h.Size)
	for i, n := 0, h.len(); i < n; {
		part := buf[:min(n-i, 8192)*h.Size]
		if _, err := io.ReadFull(r, part); err != nil {
			return fmt.Errorf("it ends before element %d of %d: it is truncated or damaged (%w)", i, n, err)
		}
		for ; len(part) > 0; part = part[h.Size:] {
			if err := see(i, h.number(part)); err != nil {
				return err
			}
			i++
		}
	}
	return nil
}
