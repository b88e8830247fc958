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
// pickle NAME/data.pkl and one file NAME/data/KEY a storage.
func readTorchZip(file []byte) (any, error) {
	archive, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return nil, fmt.Errorf("the zip archive cannot be opened, so the file is truncated or damaged: %w", err)
	}
	folder, err := torchFolder(archive.File)
	if err != nil {
		return nil, err
	}
	entries := map[string]*zip.File{} // by the name in the folder
	for _, f := range archive.File {
		name, ok := strings.CutPrefix(f.Name, folder)
		if !ok || strings.HasSuffix(name, "/") || name == "" {
			continue
		}
		if name == "constants.pkl" || strings.HasPrefix(name, "code/") {
			return nil, fmt.Errorf("TorchScript files are %w; save the state dict with torch.save(torch.jit.load(FILE).state_dict(), OUT)", ErrUnsupported)
		}
		if entries[name] != nil {
			return nil, fmt.Errorf("zip entry %s is there twice; the file is damaged", f.Name)
		}
		entries[name] = f
	}
	program := entries["data.pkl"]
	if order, ok := entries["byteorder"]; ok {
		text, err := readEntry(order, 16)
		if err != nil {
			return nil, err
		}
		if string(text) != "little" {
			return nil, fmt.Errorf("byte order %q is %w; save the file on a little-endian machine", text, ErrUnsupported)
		}
	}
	code, err := readEntry(program, min(maxPickle, max(int64(len(file)), leastPickle)))
	if err != nil {
		return nil, err
	}
	w := newTorchWorld(len(code))
	root, _, err := pickle.Run(code, w)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", program.Name, err)
	}
	// Entries may use the same bytes of the archive many times, and deflate packs
	// a thousand bytes into one. So the sum of their sizes is limited.
	left := leastUnpacked + maxPacked*int64(len(file))
	for key, s := range w.storages {
		f, ok := entries["data/"+key]
		if s.dtype.Size() == 0 {
			continue // no tensor of this type is read
		}
		if !ok {
			return nil, fmt.Errorf("zip entry data/%s is missing; the file is damaged", key)
		}
		size := s.count * int64(s.dtype.Size())
		if f.UncompressedSize64 != uint64(size) {
			return nil, fmt.Errorf("zip entry %s has %d bytes, and %d elements of type %s take %d; the file is damaged", f.Name, f.UncompressedSize64, s.count, s.dtype, size)
		}
		s.load = func() ([]byte, error) {
			data, err := readEntry(f, left)
			left -= size
			return data, err
		}
	}
	return root, nil
}

// The most that entries may unpack to: so many bytes for each byte of the file,
// plus a constant.
const (
	maxPacked     = 48
	leastUnpacked = 256 << 10
	leastPickle   = 32 << 10
)

// torchFolder returns the folder in an archive, with a slash behind it, in which
// a checkpoint's files lie.
func torchFolder(files []*zip.File) (string, error) {
	folder, found := "", false
	for _, f := range files {
		name, ok := strings.CutSuffix(f.Name, "data.pkl")
		if ok && (name == "" || strings.HasSuffix(name, "/")) && (!found || len(name) < len(folder)) {
			folder, found = name, true
		}
	}
	if !found {
		var names []string
		for _, f := range files[:min(len(files), 3)] {
			names = append(names, fmt.Sprintf("%.64s", f.Name))
		}
		return "", fmt.Errorf("the zip archive holds %s and no data.pkl, so it is not a PyTorch checkpoint; if it contains one, unpack it first", strings.Join(names, ", "))
	}
	return folder, nil
}

// readEntry reads an entry of at most limit bytes and checks its sum. PyTorch
// never compresses, but tools that pack a file again do.
func readEntry(f *zip.File, limit int64) ([]byte, error) {
	if f.Method != zip.Store && f.Method != zip.Deflate {
		return nil, fmt.Errorf("zip entry %s is compressed with method %d, which is %w; unzip the file and zip it again", f.Name, f.Method, ErrUnsupported)
	}
	if limit < 0 || f.UncompressedSize64 > uint64(limit) {
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
	// The reader compares the checksum at the end.
	if _, err := r.Read(make([]byte, 1)); err != io.EOF {
		return nil, fmt.Errorf("zip entry %s: %w; the file is damaged", f.Name, err)
	}
	return data, nil
}
