package dataset

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"espalier/internal/allocation"
)

// records returns n records of the binary layout whose pixels and labels tell
// them apart.
func records(first, n int) []byte {
	var b []byte
	for i := first; i < first+n; i++ {
		b = append(b, byte(i%10))
		for at := range cifarBytes {
			b = append(b, byte(i*31+at*7+at/plane))
		}
	}
	return b
}

// smallSet returns a small data set in the binary layout, by file: batches of 2,
// 3, 4, 5 and 6 records numbered from 0, and a test batch of 7 from 20.
func smallSet() map[string][]byte {
	l, first := layouts[0], 0
	files := map[string][]byte{l.test: records(20, 7), "batches.meta.txt": []byte("airplane\n")}
	for i, name := range l.train {
		files[name] = records(first, i+2)
		first += i + 2
	}
	return files
}

// pickled returns the sample of torchvision's layout as every batch.
func pickled(t testing.TB) map[string][]byte {
	files := make(map[string][]byte)
	for _, name := range layouts[1].files(false) {
		files[name] = read(t, "testdata/batch_py2")
	}
	return files
}

func read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// writeFolder writes the files of a layout to a new folder and returns the one
// around it.
func writeFolder(t testing.TB, l *layout, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, l.folder), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, b := range files {
		if err := os.WriteFile(filepath.Join(dir, l.folder, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// archived returns the files of a layout as a .tar.gz, in the order of their
// names reversed: archives need not be sorted.
func archived(t testing.TB, l *layout, files map[string][]byte) []byte {
	t.Helper()
	var out bytes.Buffer
	gz := gzip.NewWriter(&out)
	tw := tar.NewWriter(gz)
	write := func(h *tar.Header, b []byte) {
		h.Mode, h.Size = 0o644, int64(len(b))
		if err := tw.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := tw.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	write(&tar.Header{Name: l.folder + "/", Typeflag: tar.TypeDir}, nil)
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	slices.Reverse(names)
	for _, name := range names {
		write(&tar.Header{Name: l.folder + "/" + name, Typeflag: tar.TypeReg}, files[name])
	}
	if err := errors.Join(tw.Close(), gz.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func writeFile(t testing.TB, path string, b []byte) string {
	t.Helper()
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOpenCIFAR10InEveryForm(t *testing.T) {
	bin, py := layouts[0], layouts[1]
	binFolder, pyFolder := writeFolder(t, bin, smallSet()), writeFolder(t, py, pickled(t))
	archives := t.TempDir()
	binArchive := writeFile(t, filepath.Join(archives, "any name"), archived(t, bin, smallSet()))
	pyArchive := writeFile(t, filepath.Join(archives, py.archive), archived(t, py, pickled(t)))
	small := records(0, 20)
	sample := read(t, "testdata/batch.bin")
	for _, c := range []struct {
		name, path  string
		train, test []byte // as records
	}{
		{"folder around the binary files", binFolder, small, records(20, 7)},
		{"folder of the binary files", filepath.Join(binFolder, bin.folder), small, records(20, 7)},
		{"archive of the binary files", binArchive, small, records(20, 7)},
		{"folder around the pickles", pyFolder, bytes.Repeat(sample, 5), sample},
		{"folder of the pickles", filepath.Join(pyFolder, py.folder), bytes.Repeat(sample, 5), sample},
		{"archive of the pickles", pyArchive, bytes.Repeat(sample, 5), sample},
		{"folder that holds an archive", archives, bytes.Repeat(sample, 5), sample},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := Open(Options{Set: CIFAR10, Path: c.path})
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(asRecords(d.Train), c.train) {
				t.Errorf("%d training images differ from those written", d.Train.Len())
			}
			if !bytes.Equal(asRecords(d.Test), c.test) {
				t.Errorf("%d test images differ from those written", d.Test.Len())
			}
			if d.Validation.Len() != 0 {
				t.Errorf("%d validation images nobody asked for", d.Validation.Len())
			}
			d, err = Open(Options{Set: CIFAR10, Path: c.path, TestOnly: true, Validation: 5, TestLimit: 3})
			if err != nil {
				t.Fatal(err)
			}
			if d.Train.Len() != 0 || !bytes.Equal(asRecords(d.Test), c.test[:3*recordBytes]) {
				t.Errorf("test only: %d training and %d test images", d.Train.Len(), d.Test.Len())
			}
		})
	}
}

func asRecords(s *Split) (b []byte) {
	for i, label := range s.Labels {
		b = append(append(b, byte(label)), s.Image(i)...)
	}
	return b
}

func TestSearchOrder(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache) // Linux
	t.Setenv("HOME", cache)           // macOS
	t.Setenv("LocalAppData", cache)   // Windows
	t.Setenv(EnvData, "")
	dir, err := CacheDir()
	if err != nil {
		t.Fatal(err)
	}
	_, err = Open(Options{Set: CIFAR10})
	if !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "espalier fetch") {
		t.Errorf("with nothing anywhere: %v", err)
	}

	one, two, three := smallSet(), smallSet(), smallSet()
	one["test_batch.bin"], two["test_batch.bin"] = records(0, 1), records(0, 2)
	three["test_batch.bin"] = records(0, 3)
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(writeFolder(t, layouts[0], one), dir); err != nil {
		t.Fatal(err)
	}
	test := func(name, path string, want int) {
		t.Helper()
		d, err := Open(Options{Set: CIFAR10, Path: path})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if d.Test.Len() != want {
			t.Errorf("%s: opened the data set with %d test images, want that with %d", name, d.Test.Len(), want)
		}
	}
	test("cache", "", 1)
	t.Setenv(EnvData, filepath.Join(cache, "nothing"))
	test("cache after an empty "+EnvData, "", 1)
	t.Setenv(EnvData, writeFolder(t, layouts[0], two))
	test(EnvData, "", 2)
	test("path", writeFolder(t, layouts[0], three), 3)

	_, err = Open(Options{Set: CIFAR10, Path: filepath.Join(cache, "nothing")})
	if !errors.Is(err, ErrMissing) {
		t.Errorf("a path that is given is the only place: %v", err)
	}
}

func TestNoteSaysHowImagesDiffer(t *testing.T) {
	files := smallSet()
	for _, c := range []struct {
		options Options
		want    string
	}{
		{Options{}, "not the original pixels, 20 training and 7 test images"},
		{Options{TestOnly: true}, "not the original pixels, 7 test images"},
	} {
		c.options.Set, c.options.Path = CIFAR10, writeFolder(t, layouts[0], files)
		d, err := Open(c.options)
		if err != nil {
			t.Fatal(err)
		}
		if d.Note != c.want {
			t.Errorf("note is %q, want %q", d.Note, c.want)
		}
	}
}

func TestBadFilesAreNamed(t *testing.T) {
	bad := func(name string, b []byte) string {
		files := smallSet()
		if b == nil {
			delete(files, name)
		} else {
			files[name] = b
		}
		return writeFolder(t, layouts[0], files)
	}
	inArchive := func(edit func(map[string][]byte)) string {
		files := smallSet()
		edit(files)
		return writeFile(t, filepath.Join(t.TempDir(), "a.tar.gz"), archived(t, layouts[0], files))
	}
	whole := archived(t, layouts[0], smallSet())
	wrongLabel := records(0, 4)
	wrongLabel[2*recordBytes] = 10
	for _, c := range []struct {
		name, path string
		want       []string
		offset     int64 // of a *formatError; −1 for another error
	}{
		{"truncated", bad("data_batch_3.bin", records(0, 3)[:2*recordBytes+5]), []string{"data_batch_3.bin", "5 bytes into record 2"}, 2*recordBytes + 5},
		{"label", bad("data_batch_2.bin", wrongLabel), []string{"data_batch_2.bin", "record 2 is 10"}, 2 * recordBytes},
		{"empty", bad("test_batch.bin", []byte{}), []string{"test_batch.bin", "empty"}, 0},
		{"missing", bad("data_batch_5.bin", nil), []string{"data_batch_5.bin", "missing"}, -1},
		{"missing in archive", inArchive(func(f map[string][]byte) { delete(f, "data_batch_5.bin") }), []string{"a.tar.gz:cifar-10-batches-bin/data_batch_5.bin", "missing"}, -1},
		{"truncated in archive", inArchive(func(f map[string][]byte) { f["data_batch_1.bin"] = records(0, 1)[:100] }), []string{"a.tar.gz:cifar-10-batches-bin/data_batch_1.bin", "truncated"}, 100},
		{"truncated archive", writeFile(t, filepath.Join(t.TempDir(), "a.tar.gz"), whole[:len(whole)/2]), []string{"a.tar.gz", "unexpected EOF"}, -1},
		{"no archive", writeFile(t, filepath.Join(t.TempDir(), "a.tar.gz"), []byte("no archive at all")), []string{"a.tar.gz", "it is text"}, -1},
		{"another archive", inArchive(func(f map[string][]byte) { clear(f) }), []string{"a.tar.gz", "neither"}, -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Open(Options{Set: CIFAR10, Path: c.path})
			if err == nil {
				t.Fatal("opened")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
			var format *formatError
			if errors.As(err, &format) != (c.offset >= 0) || format != nil && format.Offset != c.offset {
				t.Errorf("%q: want offset %d", err, c.offset)
			}
			if errors.Is(err, ErrMissing) {
				t.Errorf("%q passes for missing data, which a download would cure", err)
			}
		})
	}
}

func TestRecordsArriveInAnyPieces(t *testing.T) {
	want := records(0, 600)
	s, err := readRecords(iotest.HalfReader(bytes.NewReader(want)), "f", 0)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(asRecords(s), want) {
		t.Error("images differ from those written")
	}
	// An archive that breaks off between two records must not pass for a file.
	broken := io.MultiReader(bytes.NewReader(want), iotest.ErrReader(io.ErrUnexpectedEOF))
	if _, err := readRecords(broken, "f", 0); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a reader that breaks off became %v", err)
	}
}

func TestArchivesHaveALimit(t *testing.T) {
	c := &counter{r: bytes.NewReader(make([]byte, 100)), limit: 99}
	if n, err := io.Copy(io.Discard, c); err != errTooLarge {
		t.Errorf("100 bytes through a limit of 99: %d, %v", n, err)
	}
	c = &counter{r: bytes.NewReader(make([]byte, 100)), limit: 100}
	if n, err := io.Copy(io.Discard, c); n != 100 || err != nil {
		t.Errorf("100 bytes through a limit of 100: %d, %v", n, err)
	}
}

func FuzzRecords(f *testing.F) {
	f.Add(records(0, 2))
	f.Add(records(0, 2)[:4000])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		var s *Split
		var err error
		allocation.Limit(t, len(b), 2, 256<<10, func() { s, err = readRecords(bytes.NewReader(b), "f", int64(len(b))) })
		if err != nil {
			return
		}
		if !bytes.Equal(asRecords(s), b) {
			t.Error("images differ from the file")
		}
	})
}

func FuzzArchive(f *testing.F) {
	small := map[string][]byte{layouts[0].test: records(0, 1), "other": nil}
	f.Add(archived(f, layouts[0], small))
	f.Add(archived(f, layouts[1], map[string][]byte{layouts[1].test: read(f, "testdata/batch_py3")}))
	f.Add([]byte{0x1f, 0x8b, 8})
	f.Fuzz(func(t *testing.T, b []byte) {
		// The fuzzer cannot repair a gzip's checksum, so the tar inside is
		// fuzzed too, packed again.
		var packed bytes.Buffer
		gz, _ := gzip.NewWriterLevel(&packed, gzip.NoCompression)
		gz.Write(b)
		gz.Close()
		for _, b := range [][]byte{b, packed.Bytes()} {
			var l *layout
			var parts map[string]*Split
			var err error
			// A byte of gzip can stand for a thousand.
			allocation.Limit(t, len(b), 8<<10, 2<<20, func() { l, parts, err = readArchiveFrom(layouts, bytes.NewReader(b), "a", true) })
			if err == nil && parts[l.test].Len() == 0 {
				t.Error("no error and no images")
			}
		}
	})
}
