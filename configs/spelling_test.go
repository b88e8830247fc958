package configs

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"
)

// utf16Of encodes text with a byte order mark, if mark is set.
func utf16Of(text string, order binary.AppendByteOrder, mark bool) string {
	var b []byte
	if mark {
		b = order.AppendUint16(b, 0xfeff)
	}
	for _, u := range utf16.Encode([]rune(text)) {
		b = order.AppendUint16(b, u)
	}
	return string(b)
}

// TestSpellings reads one document in the encodings and with the directives that
// editors and other tools write.
func TestSpellings(t *testing.T) {
	const document = "seed: 3\ndata:\n  path: ü😀\n"
	for name, text := range map[string]string{
		"plain":             document,
		"byte order mark":   "\xef\xbb\xbf" + document,
		"UTF-16":            utf16Of(document, binary.LittleEndian, true),
		"UTF-16 big":        utf16Of(document, binary.BigEndian, true),
		"UTF-16 unmarked":   utf16Of(document, binary.LittleEndian, false),
		"UTF-16 b unmarked": utf16Of(document, binary.BigEndian, false),
		"directive":         "%YAML 1.2\n---\n" + document,
		"directives":        "\xef\xbb\xbf# mine\n\n%YAML 1.1\r\n%TAG ! tag:example.com,2000:\r\n---\n" + document + "...\n",
	} {
		e, err := Decode("e.yaml", []byte(text), nil)
		if err != nil || e.Seed != 3 || e.Data.Path != "ü😀" {
			t.Errorf("%s: seed %d, path %q, error %v", name, e.Seed, e.Data.Path, err)
		}
	}
	for text, want := range map[string]string{
		"seed: \xe4\n":                        "UTF-8",
		"\xff\xfes\x00e":                      "UTF-16",
		"seed: 010\n":                         `e.yaml:1:7: seed is "010": write 10, or 0o10 for octal`,
		"dense:\n  batch: 0010\n":             `dense.batch is "0010": write 10, or 0o10`,
		"gate: {min_top1: 01}\n":              `gate.min_top1 is "01": write 1`,
		"data: {path: 010}\n":                 `data.path is "010", which YAML reads as a number: put it in quotes`,
		"data: {path: 0x1F}\n":                "put it in quotes",
		"data: {path: 1.50}\n":                "put it in quotes",
		"%YAML 1.2\n---\nseed: 1\nseeed: 2\n": "e.yaml:4:1",
	} {
		if _, err := Decode("e.yaml", []byte(text), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one that says %q", text, err, want)
		}
	}
	for text, want := range map[string]uint64{"0": 0, "10": 10, "0o10": 8, "0x10": 16, "1_000": 1000, "1e3": 1000} {
		if e, err := Decode("e.yaml", []byte("seed: "+text+"\n"), nil); err != nil || e.Seed != want {
			t.Errorf("%s: %d, error %v, want %d", text, e.Seed, err, want)
		}
	}
}

// TestPaths: an experiment's paths are stored as they resolve.
func TestPaths(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("DATA_AT", "/somewhere")
	t.Chdir(t.TempDir())
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir("a$b", 0o755); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"~/cifar": home + "/cifar", "~": home, "$DATA_AT/x": "/somewhere/x", "${DATA_AT}/x": "/somewhere/x", "/abs/x": "/abs/x",
		"dat": filepath.Join(here, "dat"), "./dat/../d": filepath.Join(here, "d"), "a$b": filepath.Join(here, "a$b"), "~$DATA_AT": home + "/somewhere", "x~y": filepath.Join(here, "x~y"),
	} {
		e, err := Load("cifar10", []string{"data.path='" + path + "'", "model.weights='" + path + "'"})
		if err != nil || e.Data.Path != want || e.Model.Weights != want {
			t.Errorf("%s: %q and %q, error %v, want %q", path, e.Data.Path, e.Model.Weights, err, want)
		}
	}
	for path, want := range map[string]string{"$NOT_SET_AT_ALL/x": "NOT_SET_AT_ALL is not set", "~no-such-user/x": "no user no-such-user"} {
		if _, err := Load("cifar10", []string{"data.path='" + path + "'"}); err == nil || !strings.Contains(err.Error(), "data.path") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v", path, err)
		}
	}
	if e, err := Load("quick", nil); err != nil || e.Data.Path != "" || e.Model.Weights != Embedded && e.Model.Weights != Scratch {
		t.Errorf("%q, %q, %v", e.Data.Path, e.Model.Weights, err)
	}
}
