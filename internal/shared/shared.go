// Package shared finds reference data that tests use where it is there: below
// $ESPALIER_SHARED, or in the folder shared beside the module's.
package shared

import (
	"os"
	"path/filepath"
)

// A Test is the part of *testing.T that File needs.
type Test interface {
	Helper()
	Skipf(format string, values ...any)
}

// File returns the path of a file, named with slashes. It skips the test where the
// file is missing.
func File(t Test, name string) string {
	t.Helper()
	path := Path(name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("reference data %s is not here; set ESPALIER_SHARED to the folder that holds it", name)
	}
	return path
}

// Path returns where a file or folder is if there is reference data.
func Path(name string) string {
	root := os.Getenv("ESPALIER_SHARED")
	if root == "" {
		root = filepath.Join(module(), "..", "shared")
	}
	return filepath.Join(root, filepath.FromSlash(name))
}

// module returns the folder of go.mod: the one that a test runs in, or above it.
func module() string {
	folder := "."
	for range 10 {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			break
		}
		folder = filepath.Join(folder, "..")
	}
	return folder
}
