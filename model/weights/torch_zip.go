package weights

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"strings"

	"espalier/internal/pickle"
)

// readTorchZip reads the format of PyTorch 1.6 and later: a zip archive with a
// pickle NAME/data.pkl and one uncompressed file NAME/data/KEY a storage.
func readTorchZip(file []byte) (any, error) {
	archive, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return nil, fmt.Errorf("the zip archive cannot be opened, so the file is truncated or damaged: %w", err)
	}
	entries := map[string]*zip.File{} // by the name behind the folder
	for _, f := range archive.File {
		_, name, ok := strings.Cut(f.Name, "/")
		if !ok {
			continue
		}
		if name == "constants.pkl" || strings.HasPrefix(name, "code/") {
			return nil, fmt.Errorf("TorchScript files are %w; save the state dict with torch.save(torch.jit.load(FILE).state_dict(), OUT)", ErrUnsupported)
		}
		if entries[name] != nil {
			return nil, fmt.Errorf("zip entry %s stands there twice; the file is damaged", f.Name)
		}
		entries[name] = f
	}
	program, ok := entries["data.pkl"]
	if !ok {
		return nil, fmt.Errorf("the zip archive holds no data.pkl, so it is no PyTorch checkpoint")
	}
	if order, ok := entries["byteorder"]; ok {
		text, err := readEntry(order, 16)
		if err != nil {
			return nil, err
		}
		if string(text) != "little" {
			return nil, fmt.Errorf("byte order %q is %w; save the file on a little-endian machine", text, ErrUnsupported)
		}
	}
	code, err := readEntry(program, min(maxPickle, int64(len(file))))
	if err != nil {
		return nil, err
	}
	w := &torchWorld{storages: map[string]*storage{}}
	root, _, err := pickle.Run(code, w)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", program.Name, err)
	}
	// Entries may name the same bytes of the archive again and again, so their
	// sum is held to the file's length.
	left := int64(len(file))
	for key, s := range w.storages {
		f, ok := entries["data/"+key]
		if !ok {
			return nil, fmt.Errorf("zip entry data/%s is missing; the file is damaged", key)
		}
		size := s.count * int64(s.dtype.Size())
		if int64(f.UncompressedSize64) != size {
			return nil, fmt.Errorf("zip entry %s has %d bytes, and %d elements of type %s take %d; the file is damaged", f.Name, f.UncompressedSize64, s.count, s.dtype, size)
		}
		if s.data, err = readEntry(f, left); err != nil {
			return nil, err
		}
		left -= size
	}
	return root, nil
}

// readEntry reads an uncompressed entry of at most limit bytes and checks its
// sum. PyTorch never compresses.
func readEntry(f *zip.File, limit int64) ([]byte, error) {
	if f.Method != zip.Store {
		return nil, fmt.Errorf("zip entry %s is compressed, which is %w; PyTorch writes entries as they are", f.Name, ErrUnsupported)
	}
	if f.UncompressedSize64 > uint64(limit) {
		return nil, fmt.Errorf("zip entry %s has %d bytes: at most %d are read", f.Name, f.UncompressedSize64, limit)
	}
	r, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("zip entry %s: %w", f.Name, err)
	}
	defer r.Close()
	data := make([]byte, f.UncompressedSize64)
	if _, err := io.ReadFull(r, data); err != nil {
		return nil, fmt.Errorf("zip entry %s: %w; the file is truncated or damaged", f.Name, err)
	}
	// The sum is compared where the reader meets the end.
	if _, err := r.Read(make([]byte, 1)); err != io.EOF {
		return nil, fmt.Errorf("zip entry %s: %w; the file is damaged", f.Name, err)
	}
	return data, nil
}
