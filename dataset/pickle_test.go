package dataset

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"espalier/internal/allocation"
)

func TestPickleHoldsTheSameAsTheBinaryFile(t *testing.T) {
	want := read(t, "testdata/batch.bin")
	for _, name := range []string{"batch_py2", "batch_py3", "batch_columns"} {
		b := read(t, "testdata/"+name)
		s, err := readPickle(bytes.NewReader(b), name, int64(len(b)))
		if err != nil {
			t.Error(err)
		} else if !bytes.Equal(asRecords(s), want) {
			t.Errorf("%s: images differ from batch.bin", name)
		}
	}
}

// TestPickledAgain reads what Python 3 wrote in every protocol, with keys and
// labels of every kind.
func TestPickledAgain(t *testing.T) {
	want := read(t, "testdata/batch.bin")[:2*recordBytes]
	names, err := filepath.Glob("testdata/again_*")
	if err != nil || len(names) != 10 {
		t.Fatalf("%d files, error %v", len(names), err)
	}
	for _, name := range names {
		b := read(t, name)
		s, err := readPickle(bytes.NewReader(b), name, int64(len(b)))
		if err != nil {
			t.Error(err)
		} else if !bytes.Equal(asRecords(s), want) {
			t.Errorf("%s: images differ from batch.bin", name)
		}
	}
}

func TestEveryTruncationOfAPickleIsAnError(t *testing.T) {
	whole := read(t, "testdata/batch_py2")
	for n := range whole {
		_, err := readPickle(bytes.NewReader(whole[:n]), "f", 0)
		var format *formatError
		if !errors.As(err, &format) {
			t.Fatalf("the first %d bytes: %v", n, err)
		}
		if format.Offset > int64(n) {
			t.Errorf("the first %d bytes: offset %d", n, format.Offset)
		}
	}
}

// entry returns a pickled string, and ints one of a list.
func entry(s string) string { return fmt.Sprintf("U%c%s", len(s), s) }

func ints(values string) string {
	var b strings.Builder
	b.WriteString("](")
	for _, v := range []byte(values) {
		b.WriteString("K" + string(v))
	}
	return b.String() + "e"
}

// arrayOf returns a pickled NumPy array of one image.
func arrayOf(kind, shape string, content string) string {
	return "cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R" +
		"(K\x01" + shape + "cnumpy\ndtype\n" + entry(kind) + "K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89" +
		"T\x00\x0c\x00\x00" + content + "tb"
}

func TestPicklesThatAreNoBatches(t *testing.T) {
	const proto = "\x80\x02"
	image, one := strings.Repeat("p", cifarBytes), "K\x01M\x00\x0c\x86"
	data, labels := entry("data"), entry("labels")
	good := proto + "}(" + data + arrayOf("u1", one, image) + labels + ints("\x03") + "u."
	if _, err := readPickle(strings.NewReader(good), "f", 0); err != nil {
		t.Fatalf("the case that the others are made from: %v", err)
	}
	for _, c := range []struct{ name, pickle, want string }{
		{"code", proto + "cos\nsystem\nU\x02ls\x85R.", "an object of class os.system"},
		{"protocol", "\x80\x06}.", "protocol 6"},
		{"opcode", proto + "}\x97.", "opcode 0x97"},
		{"no dict", proto + "].", "the file holds a list"},
		{"no data", proto + "}(" + labels + ints("\x03") + "u.", `no "data"`},
		{"no labels", proto + "}(" + data + arrayOf("u1", one, image) + "u.", `no "labels"`},
		{"CIFAR-100", proto + "}(" + data + arrayOf("u1", one, image) + entry("fine_labels") + ints("\x03") + "u.", "CIFAR-100"},
		{"data of a list", proto + "}(" + data + "]" + labels + ints("\x03") + "u.", `"data" is a list`},
		{"labels of text", strings.Replace(good, ints("\x03"), entry("cat"), 1), `"labels" is bytes`},
		{"pixels of another type", strings.NewReplacer(entry("u1"), entry("f4"), one, "K\x01M\x00\x03\x86").Replace(good), "float32"},
		{"fewer labels", strings.Replace(good, ints("\x03"), "]", 1), "0 labels for 1 images"},
		{"label", strings.Replace(good, ints("\x03"), ints("\x0a"), 1), "image 0 is 10"},
		{"label of another type", strings.Replace(good, ints("\x03"), "]Na", 1), "is None"},
		{"floats", strings.Replace(good, entry("u1"), entry("f4"), 1), "of type float32 has 3072 bytes"},
		{"shape", strings.Replace(good, one, "K\x02M\x00\x0c\x86", 1), "[2 3072] of type uint8 has 3072 bytes"},
		{"width", strings.Replace(good, one, "M\x00\x0cK\x01\x86", 1), "[3072 1]"},
		{"empty array", strings.Replace(good, one+"cnumpy", "K\x00M\x00\x0c\x86cnumpy", 1), "[0 3072] of type uint8 has 3072"},
		{"persistent id", proto + "NQ.", "persistent id"},
		{"unknown object", proto + "cpandas\nDataFrame\n)R}b.", "pandas.DataFrame"},
		{"truncated", proto + "}(" + data, "truncated"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := readPickle(strings.NewReader(c.pickle), "f", 0)
			var format *formatError
			if !errors.As(err, &format) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v, want a *formatError that says %q", err, c.want)
			}
		})
	}
}

func FuzzPickle(f *testing.F) {
	for _, name := range []string{"batch_py2", "batch_py3", "batch_columns"} {
		f.Add(read(f, "testdata/"+name))
	}
	f.Add([]byte("\x80\x02}q\x00(h\x00h\x00u."))
	f.Fuzz(func(t *testing.T, b []byte) {
		var s *Split
		var err error
		allocation.Limit(t, len(b), 256, 64<<10, func() { s, err = readPickle(bytes.NewReader(b), "f", int64(len(b))) })
		if err != nil {
			return
		}
		if s.Len() == 0 || len(s.Images) != s.Len()*cifarBytes {
			t.Errorf("%d labels and %d bytes of pixels", s.Len(), len(s.Images))
		}
		for i, label := range s.Labels {
			if label > 9 {
				t.Errorf("label %d of image %d", label, i)
			}
		}
	})
}
