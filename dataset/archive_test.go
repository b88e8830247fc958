package dataset

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPlainTar reads an archive that was unpacked once.
func TestPlainTar(t *testing.T) {
	batch := read(t, "testdata/batch.bin")
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	w.WriteHeader(&tar.Header{Name: "cifar-10-batches-bin/test_batch.bin", Size: int64(len(batch)), Mode: 0o644, Format: tar.FormatUSTAR})
	w.Write(batch)
	w.Close()
	_, parts, err := readArchiveFrom(layouts, &b, "x.tar", true)
	if err != nil || parts["test_batch.bin"].Len() != 4 {
		t.Errorf("%v, error %v", parts, err)
	}
}

// TestNoArchives names files that are no archives for what they are, and none of
// them damaged.
func TestNoArchives(t *testing.T) {
	for _, c := range []struct{ name, content, want string }{
		{"test_batch.bin", string(read(t, "testdata/batch.bin")), "single batch"},
		{"test_batch", string(read(t, "testdata/batch_py3")), "single batch"},
		{"a.zip", "PK\x03\x04" + strings.Repeat("x", 600), "a zip archive"},
		{"a.tar.xz", "\xfd7zXZ\x00" + strings.Repeat("x", 600), "xz"},
		{"page.tar.gz", "<!DOCTYPE html>", "a web page"},
		{"pointer.tar.gz", "version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"},
		{"empty.tar.gz", "", "empty"},
	} {
		path := filepath.Join(t.TempDir(), c.name)
		if err := os.WriteFile(path, []byte(c.content), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := Open(Options{Set: CIFAR10, Path: path, TestOnly: true})
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "damaged") {
			t.Errorf("%s: error %v, want one that says %q", c.name, err, c.want)
		}
	}
}
