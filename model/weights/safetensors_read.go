package weights

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Limits of a file. A ResNet-56 with its optimiser's state takes 7 MB.
const (
	maxFile   = 1 << 30 // bytes of a file, and of the tensors made from it
	maxHeader = 16 << 20
	maxDims   = 8
)

const metadataKey = "__metadata__"

// headerEntry is one tensor's description in a safetensors header.
type headerEntry struct {
	DType   DType    `json:"dtype"`
	Shape   []int    `json:"shape"`
	Offsets [2]int64 `json:"data_offsets"` // first byte and the one after the last, from the data's start
}

// parseSafetensors splits a file into its tensors, in the order of their data.
// The tensors share the file's bytes, but for those that were stored without
// zeros (see EncodeSparse).
func parseSafetensors(file []byte) ([]Tensor, map[string]string, error) {
	if len(file) < 8 {
		return nil, nil, fmt.Errorf("the file has %d bytes, less than a safetensors header length; it is truncated", len(file))
	}
	length := binary.LittleEndian.Uint64(file)
	if length > maxHeader {
		return nil, nil, fmt.Errorf("header length %d at offset 0: at most %d is read; the file is damaged, or neither safetensors nor a PyTorch checkpoint", length, maxHeader)
	}
	if length > uint64(len(file)-8) {
		return nil, nil, fmt.Errorf("header length %d at offset 0: only %d bytes follow; the file is truncated", length, len(file)-8)
	}
	header, data := file[8:8+length], file[8+length:]

	tensors, offsets, metadata, err := parseHeader(header)
	if err != nil {
		return nil, nil, err
	}
	if err := place(tensors, offsets, data); err != nil {
		return nil, nil, err
	}
	tensors, err = expand(tensors, metadata)
	return tensors, metadata, err
}

// parseHeader reads the JSON object token by token, because decoding into a map
// would not notice a name that occurs twice.
func parseHeader(header []byte) (tensors []Tensor, offsets [][2]int64, metadata map[string]string, err error) {
	dec := json.NewDecoder(bytes.NewReader(header))
	fail := func(format string, args ...any) error {
		return fmt.Errorf("safetensors header, offset %d: %w", 8+dec.InputOffset(), fmt.Errorf(format, args...))
	}
	if tok, err := dec.Token(); err != nil || tok != json.Delim('{') {
		return nil, nil, nil, fail("want a JSON object; the file is damaged or not safetensors")
	}
	seen := map[string]bool{}
	for dec.More() {
		tok, err := dec.Token()
		if err != nil {
			return nil, nil, nil, fail("%w", err)
		}
		name := tok.(string) // More was true inside an object, so a key comes
		if seen[name] {
			return nil, nil, nil, fail("tensor %q is there twice", name)
		}
		seen[name] = true
		if name == metadataKey {
			if err := dec.Decode(&metadata); err != nil {
				return nil, nil, nil, fail("metadata: %w", err)
			}
			continue
		}
		var e headerEntry
		if err := dec.Decode(&e); err != nil {
			return nil, nil, nil, fail("tensor %s: %w", name, err)
		}
		if e.DType.Size() == 0 {
			return nil, nil, nil, fail("tensor %s: type %q is not supported", name, e.DType)
		}
		tensors = append(tensors, Tensor{Name: name, DType: e.DType, Shape: e.Shape})
		offsets = append(offsets, e.Offsets)
	}
	if _, err := dec.Token(); err != nil {
		return nil, nil, nil, fail("%w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, nil, nil, fail("something follows the JSON object")
	}
	return tensors, offsets, metadata, nil
}

// place gives every tensor its bytes and sorts tensors by their offset.
// Together the tensors must cover data without gaps and overlaps, as the format
// requires.
func place(tensors []Tensor, offsets [][2]int64, data []byte) error {
	for i, t := range tensors {
		begin, end := offsets[i][0], offsets[i][1]
		if begin < 0 || end < begin || end > int64(len(data)) {
			return fmt.Errorf("tensor %s: offsets [%d %d] are outside the %d bytes of data; the file is truncated or damaged", t.Name, begin, end, len(data))
		}
		size, err := byteSize(t.Shape, t.DType.Size(), maxFile)
		if err != nil {
			return fmt.Errorf("tensor %s: %w", t.Name, err)
		}
		if size != end-begin {
			return fmt.Errorf("tensor %s: shape %v of type %s takes %d bytes, and offsets [%d %d] hold %d", t.Name, t.Shape, t.DType, size, begin, end, end-begin)
		}
		tensors[i].Data = data[begin:end:end]
	}
	order := make([]int, len(tensors))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(offsets[a][0], offsets[b][0]), cmp.Compare(offsets[a][1], offsets[b][1]))
	})
	next := int64(0)
	sorted := make([]Tensor, 0, len(tensors))
	for _, i := range order {
		if offsets[i][0] != next {
			return fmt.Errorf("tensor %s: begins at byte %d of the data, and the one before ends at %d; tensors must neither overlap nor leave gaps", tensors[i].Name, offsets[i][0], next)
		}
		next = offsets[i][1]
		sorted = append(sorted, tensors[i])
	}
	if next != int64(len(data)) {
		return fmt.Errorf("%d bytes follow the last tensor; the file is damaged", int64(len(data))-next)
	}
	copy(tensors, sorted)
	return nil
}
