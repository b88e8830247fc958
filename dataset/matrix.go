package dataset

import (
	"archive/zip"
	"fmt"
	"io"
	"os"
	"strings"
)

// A Matrix is rows of numbers, such as one row of logits for each image.
type Matrix struct {
	Rows, Columns int
	Values        []float32 // row by row
}

// maxMatrix is the most numbers of a matrix.
const maxMatrix = 1 << 26

// ReadMatrix reads a matrix from a .npy file of NumPy, or from a .npz file with
// an array "logits" or with one array only.
func ReadMatrix(path string) (*Matrix, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening the numbers: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("opening the numbers: %w", err)
	}
	var m *Matrix
	if strings.EqualFold(path[max(0, len(path)-4):], ".npz") {
		m, err = matrixIn(f, info.Size())
	} else {
		m, err = readMatrix(f)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return m, nil
}

// matrixIn reads the array of logits in a .npz file.
func matrixIn(r io.ReaderAt, size int64) (*Matrix, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fmt.Errorf("%w: it is not an .npz file, or it is damaged; write it with numpy.savez", err)
	}
	var found *zip.File
	for _, f := range z.File {
		if f.Name == "logits.npy" || len(z.File) == 1 && strings.HasSuffix(f.Name, ".npy") {
			found = f
		}
	}
	if found == nil {
		return nil, fmt.Errorf("it has %d arrays, and none is called logits: save it with numpy.savez(FILE, logits=...)", len(z.File))
	}
	array, err := found.Open()
	if err != nil {
		return nil, err
	}
	defer array.Close()
	return readMatrix(array)
}

func readMatrix(r io.Reader) (*Matrix, error) {
	h, err := readHeader(r)
	if err != nil {
		return nil, err
	}
	if len(h.shape) != 2 || h.len() > maxMatrix {
		return nil, fmt.Errorf("its shape is %v: want [images, classes], at most %d numbers", h.shape, maxMatrix)
	}
	m := &Matrix{Rows: h.shape[0], Columns: h.shape[1]}
	err = h.each(r, func(_ int, v float64) error {
		m.Values = append(m.Values, float32(v))
		return nil
	})
	return m, err
}
