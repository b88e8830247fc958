package weights

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"

	"espalier/internal/atomicfile"
)

// dataAlignment is the alignment of the tensors' first byte in the file, so
// that a reader may map it. The format itself requires eight bytes.
const dataAlignment = 64

// Write stores tensors and metadata as a safetensors file, atomically: under a
// temporary name first, synced and renamed. The bytes depend only on the
// arguments; tensors keep their order.
func Write(path string, tensors []Tensor, metadata map[string]string) error {
	return atomicfile.Write(path, func(w io.Writer) error { return Encode(w, tensors, metadata) })
}

// Encode writes tensors and metadata to w in the safetensors format.
func Encode(w io.Writer, tensors []Tensor, metadata map[string]string) error {
	header, err := encodeHeader(tensors, metadata)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	binary.Write(out, binary.LittleEndian, uint64(len(header))) // bufio keeps the first error for Flush
	out.Write(header)
	for _, t := range tensors {
		out.Write(t.Data)
	}
	return out.Flush()
}

// encodeHeader returns the JSON header, padded with spaces so that the data
// after it is aligned. Keys are written in the tensors' order, which a Go map
// would lose.
func encodeHeader(tensors []Tensor, metadata map[string]string) ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	if len(metadata) > 0 {
		m, err := json.Marshal(metadata) // sorts the keys
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&b, "%q:%s", metadataKey, m)
	}
	seen := map[string]bool{metadataKey: true}
	offset := int64(0)
	for _, t := range tensors {
		if t.Name == "" || seen[t.Name] {
			return nil, fmt.Errorf("tensor name %q is empty, reserved or used twice", t.Name)
		}
		seen[t.Name] = true
		if t.DType.Size() == 0 {
			return nil, fmt.Errorf("tensor %s: type %q is not supported", t.Name, t.DType)
		}
		size, err := byteSize(t.Shape, t.DType.Size(), maxFile)
		if err != nil {
			return nil, fmt.Errorf("tensor %s: %w", t.Name, err)
		}
		if size != int64(len(t.Data)) {
			return nil, fmt.Errorf("tensor %s: shape %v of type %s takes %d bytes, and there are %d", t.Name, t.Shape, t.DType, size, len(t.Data))
		}
		name, err := json.Marshal(t.Name)
		if err != nil {
			return nil, err
		}
		shape, err := json.Marshal(append([]int{}, t.Shape...)) // [] for a scalar, never null
		if err != nil {
			return nil, err
		}
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `%s:{"dtype":%q,"shape":%s,"data_offsets":[%d,%d]}`, name, t.DType, shape, offset, offset+size)
		offset += size
	}
	b.WriteByte('}')
	for (8+b.Len())%dataAlignment != 0 {
		b.WriteByte(' ')
	}
	return b.Bytes(), nil
}
