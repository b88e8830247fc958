// Package filekind recognises files by their first bytes, for messages about
// files that are not what was expected.
package filekind

import (
	"bytes"
	"unicode/utf8"
)

// magics are the first bytes of formats.
var magics = []struct {
	at           int
	begin, named string
}{
	{0, "version https://git-lfs.github.com/", "a Git LFS pointer, not the file that it stands for: fetch that with git lfs pull"},
	{0, "\x1f\x8b", "compressed with gzip: unpack it with gunzip or tar -xzf first"},
	{0, "BZh", "compressed with bzip2: unpack it first"},
	{0, "\xfd7zXZ\x00", "compressed with xz: unpack it first"},
	{0, "\x28\xb5\x2f\xfd", "compressed with zstd: unpack it first"},
	{0, "7z\xbc\xaf\x27\x1c", "a 7z archive: unpack it first"},
	{0, "Rar!\x1a\x07", "a RAR archive: unpack it first"},
	{0, "PK\x03\x04", "a zip archive"},
	{257, "ustar", "a tar archive"},
	{0, "\x89PNG\r\n", "an image (PNG)"},
	{0, "\xff\xd8\xff", "an image (JPEG)"},
	{0, "GIF8", "an image (GIF)"},
	{8, "WEBP", "an image (WebP)"},
	{0, "BM", "an image (BMP)"},
	{0, "%PDF", "a PDF document"},
	{0, "\x89HDF\r\n", "HDF5, as Keras writes it: save the network with PyTorch or as safetensors"},
	{4, "TFL3", "a TensorFlow Lite network, which is unsupported"},
	{0, "\x93NUMPY", "a NumPy array (.npy): save a dict of tensors with torch.save"},
	{0, "GGUF", "GGUF, which holds language models"},
	{0, "PAR1", "Parquet"},
	{0, "\x7fELF", "a program"},
}

// Of returns what a file is, by its first bytes, or "" if it does not know. A
// few hundred bytes are enough.
func Of(head []byte) string {
	if len(head) == 0 {
		return "empty"
	}
	for _, m := range magics {
		if len(head) >= m.at && bytes.HasPrefix(head[m.at:], []byte(m.begin)) {
			return m.named
		}
	}
	if isONNX(head) {
		return "an ONNX network: give it a name that ends in .onnx"
	}
	text := bytes.ToLower(bytes.TrimLeft(bytes.TrimPrefix(head[:min(len(head), 512)], []byte("\xef\xbb\xbf")), " \t\r\n"))
	switch {
	case bytes.HasPrefix(text, []byte("<!doctype html")), bytes.HasPrefix(text, []byte("<html")), bytes.HasPrefix(text, []byte("<head")):
		return "a web page (HTML), most likely what a server answered instead of the file: download it again"
	case bytes.HasPrefix(text, []byte("<?xml")):
		return "XML, most likely what a server answered instead of the file: download it again"
	case isText(text):
		if text[0] == '{' || text[0] == '[' {
			return "JSON"
		}
		return "text"
	}
	return ""
}

// isONNX recognises ONNX, which has no magic number, by its first fields: the
// version of the format, then a text or the graph.
func isONNX(head []byte) bool {
	return len(head) >= 4 && head[0] == 0x08 && head[1] >= 1 && head[1] <= 32 &&
		(head[2] == 0x12 || head[2] == 0x1a || head[2] == 0x3a || head[2] == 0x42) && !bytes.HasPrefix(head[2:], make([]byte, 4))
}

// isText reports whether bytes are printable text. The last character may be
// cut.
func isText(b []byte) bool {
	if len(b) == 0 {
		return false
	}
	for len(b) > 0 {
		r, size := utf8.DecodeRune(b)
		if r == utf8.RuneError && size == 1 {
			return len(b) < utf8.UTFMax && !utf8.FullRune(b)
		}
		if r < ' ' && r != '\n' && r != '\r' && r != '\t' {
			return false
		}
		b = b[size:]
	}
	return true
}
