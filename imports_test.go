package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// mayImport lists which of the module's packages may be imported from where, by
// folder: the longest prefix of a folder counts. A folder may always import
// what lies below it.
var mayImport = map[string][]string{
	"":                            {"ui/cli"},
	"ui/cli":                      {"ui", "compress", "configs", "dataset", "model"},
	"ui":                          {"compress/pipeline", "configs", "ui"},
	"compress/pipeline":           {"compress/cost", "compress/prune", "compress/quantize", "model", "dataset", "configs"},
	"compress/cost":               {"compress/quantize", "model"},
	"compress/report":             {"compress/pipeline", "configs", "model"},
	"compress/search":             {"compress/pipeline", "compress/cost", "compress/compare", "compress/measure", "compress/quantize", "configs", "dataset", "model"},
	"compress/bench":              {"compress/cost", "compress/prune", "compress/quantize", "model", "dataset"},
	"compress/measure":            {"compress/prune", "compress/quantize", "model", "dataset", "configs"},
	"compress/compare":            {"compress/measure", "compress/quantize", "model", "dataset"},
	"compress/prune":              {"model"},
	"compress/quantize":           {"model"},
	"compress/quantize/reference": {"compress/quantize", "model"},
	"model/weights":               {"model"},
	"model/onnx":                  {"model"},
	"model/reference":             {"model"},
	"model/zoo":                   {"model"},
	"model":                       {"model/kernel"},
	"model/kernel":                {},
	"docs/peers":                  {"compress/quantize", "model"},
	"dataset":                     {},
	"configs":                     {},
	"internal":                    {}, // helpers of no layer, which all may import
}

// screenOnly are libraries that draw. The report of a run holds charts as text,
// so that compress/pipeline may import asciigraph.
var screenOnly = []string{"github.com/charmbracelet/", "github.com/guptarohit/asciigraph"}

// TestImports holds the architecture: arrows between packages go one way, and
// nothing below ui knows of a terminal. Tests may import what they like.
func TestImports(t *testing.T) {
	files := 0
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if base := path.Base(name); d.IsDir() && name != "." && (strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "testdata" || base == "node_modules" || base == "runs") {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		files++
		folder := path.Dir(name)
		if folder == "." {
			folder = ""
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range f.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if ours, ok := strings.CutPrefix(imported, "espalier/"); ok {
				if !allowed(folder, ours) {
					t.Errorf("%s imports %s: the architecture has no such arrow", name, imported)
				}
			} else if folder != "" && !below(folder, "ui") && !(folder == "compress/pipeline" && imported == screenOnly[1]) {
				if slices.ContainsFunc(screenOnly, func(p string) bool { return strings.HasPrefix(imported, p) }) {
					t.Errorf("%s imports %s: only ui draws", name, imported)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 50 {
		t.Errorf("only %d files were looked at", files)
	}
}

func allowed(folder, imported string) bool {
	if below(imported, folder) && folder != "" || below(imported, "internal") {
		return true
	}
	for at := folder; ; at = path.Dir(at) {
		if at == "." {
			at = ""
		}
		if list, ok := mayImport[at]; ok {
			return slices.ContainsFunc(list, func(p string) bool { return below(imported, p) })
		}
	}
}

// below reports whether a folder is another one or lies in it.
func below(folder, other string) bool {
	return folder == other || strings.HasPrefix(folder, other+"/")
}

func TestAllowed(t *testing.T) {
	for _, c := range []struct {
		folder, imported string
		want             bool
	}{
		{"", "ui/cli", true},
		{"", "model", false},
		{"ui/cli", "model", true},
		{"ui", "ui/theme", true},
		{"ui/theme", "ui/grid", true},
		{"ui", "model", false},
		{"ui/state", "compress/pipeline", true},
		{"compress/pipeline", "ui", false},
		{"compress/prune", "compress/pipeline", false},
		{"compress/prune", "model/kernel", true},
		{"model", "model/kernel", true},
		{"model", "model/weights", true}, // below it; the compiler refuses the circle
		{"model/kernel", "model", false},
		{"dataset", "configs", false},
		{"model/weights", "internal/atomicfile", true},
		{"internal/atomicfile", "model", false},
		{"model/weights/pretrained", "model/weights", true},
		{"model/weights", "dataset", false},
		{"model/weights", "internal/pickle", true},
		{"dataset", "internal/pickle", true},
		{"internal/pickle", "dataset", false},
	} {
		if got := allowed(c.folder, c.imported); got != c.want {
			t.Errorf("%s imports %s: %v, want %v", c.folder, c.imported, got, c.want)
		}
	}
}
