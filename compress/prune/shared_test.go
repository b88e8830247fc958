package prune

import (
	"os"
	"path/filepath"
	"testing"
)

// shared returns the path of an optional file of reference data: below
// $ESPALIER_SHARED, or below ../shared beside the module. The test is skipped
// where the file is missing.
func shared(t *testing.T, name string) string {
	t.Helper()
	root := os.Getenv("ESPALIER_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared")
	}
	path := filepath.Join(root, filepath.FromSlash(name))
	if _, err := os.Stat(path); err != nil {
		t.Skipf("reference data %s is not here; set ESPALIER_SHARED to the folder that holds it", name)
	}
	return path
}
