package cost

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"espalier/compress/quantize"
	"espalier/model/weights"
)

// Bytes are the sizes of a network's safetensors file, including metadata.
type Bytes struct {
	Dense  int64 `json:"dense"`  // as it is written
	Sparse int64 `json:"sparse"` // with zeros left out, as export --sparse writes it
	Gzip   int64 `json:"gzip"`   // the dense file, at gzip's highest level
	Zstd   int64 `json:"zstd"`   // the dense file, at the library's highest level, near zstd -19
}

// tensors returns the tensors of a network's file.
func (n Network) tensors() ([]weights.Tensor, map[string]string, error) {
	if n.Float == nil {
		return quantize.Tensors(n.Integer, n.Metadata)
	}
	return weights.FromNetwork(n.Float), weights.Metadata(n.Float, n.Metadata), nil
}

// WriteSparse writes the network's file with its zeros left out.
func (n Network) WriteSparse(path string) error {
	tensors, metadata, err := n.tensors()
	if err != nil {
		return fmt.Errorf("writing weights to %s: %w", path, err)
	}
	return weights.WriteSparse(path, tensors, metadata)
}

// bytesOf writes a network's file into counters.
func bytesOf(n Network) (b Bytes, err error) {
	tensors, metadata, err := n.tensors()
	if err != nil {
		return b, err
	}
	var file bytes.Buffer
	if err := weights.Encode(&file, tensors, metadata); err != nil {
		return b, fmt.Errorf("sizing the network's file: %w", err)
	}
	var sparse, squeezed counter
	if err := weights.EncodeSparse(&sparse, tensors, metadata); err != nil {
		return b, fmt.Errorf("sizing the network's file without zeros: %w", err)
	}
	squeeze, _ := zstd.NewWriter(&squeezed, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1))
	squeeze.Write(file.Bytes())
	squeeze.Close()
	return Bytes{Dense: int64(file.Len()), Sparse: int64(sparse), Gzip: Gzipped(file.Bytes()), Zstd: int64(squeezed)}, nil
}

// Gzipped returns the bytes of content at gzip's highest level.
func Gzipped(content []byte) int64 {
	var zipped counter
	zip, _ := gzip.NewWriterLevel(&zipped, gzip.BestCompression) // a level that exists
	zip.Write(content)                                           // a counter takes all
	zip.Close()
	return int64(zipped)
}

// A counter counts what is written to it.
type counter int64

var _ io.Writer = new(counter)

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
