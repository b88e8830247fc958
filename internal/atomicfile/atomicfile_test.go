package atomicfile

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func content(text string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	}
}

// TestWrite: a file is there whole, for everybody to read, and alone; one that
// could not be written leaves what was there before.
func TestWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	full := errors.New("no space left on device")
	half := func(w io.Writer) error { io.WriteString(w, "half"); return full }
	for _, c := range []struct {
		name  string
		write func(io.Writer) error
		err   error
		want  string
	}{
		{"nothing is there, and writing fails", half, full, ""},
		{"new", content("first"), nil, "first"},
		{"in the place of another", content("second, and longer"), nil, "second, and longer"},
		{"writing fails", half, full, "second, and longer"},
		{"shorter", content("3"), nil, "3"},
	} {
		err := Write(path, c.write)
		if !errors.Is(err, c.err) || err != nil && !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error %v, want %v", c.name, err, c.err)
		}
		if have, err := os.ReadFile(path); string(have) != c.want || (err != nil) != (c.want == "") {
			t.Errorf("%s: %q, %v, want %q", c.name, have, err, c.want)
		}
		entries, _ := os.ReadDir(filepath.Dir(path))
		if want := min(len(c.want), 1); len(entries) != want {
			t.Errorf("%s: the folder has %v", c.name, entries)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o444 != 0o444 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := Write(filepath.Join(t.TempDir(), "missing", "a"), content("")); err == nil || !strings.Contains(err.Error(), "check that the folder exists") {
		t.Errorf("without a folder: %v", err)
	}
}

// TestOldOneUntilTheEnd looks at the file while it is written, as a reader does
// and as a process leaves it that is killed there.
func TestOldOneUntilTheEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := Write(path, content("old")); err != nil {
		t.Fatal(err)
	}
	err := Write(path, func(w io.Writer) error {
		io.WriteString(w, "new")
		if have, err := os.ReadFile(path); string(have) != "old" {
			t.Errorf("%q, %v", have, err)
		}
		entries, _ := os.ReadDir(filepath.Dir(path))
		if len(entries) != 2 || !IsTemporary(entries[0].Name()) || IsTemporary(entries[1].Name()) {
			t.Errorf("the folder has %v", entries)
		}
		return nil
	})
	if have, _ := os.ReadFile(path); err != nil || string(have) != "new" {
		t.Errorf("%q, %v", have, err)
	}
	for _, name := range []string{"file", ".file", ".file.tmp", ".file.12", "file.12.tmp", ".mine.tmp"} {
		if IsTemporary(name) {
			t.Errorf("%s is taken for a temporary file", name)
		}
	}
}
