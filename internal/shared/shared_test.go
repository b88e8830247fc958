package shared

import (
	"os"
	"path/filepath"
	"testing"
)

// skipping notes that a test was skipped.
type skipping bool

func (s *skipping) Helper()              {}
func (s *skipping) Skipf(string, ...any) { *s = true }

func TestFile(t *testing.T) {
	parent := t.TempDir()
	write := func(name string) {
		path := filepath.Join(parent, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"shared/zoo/beside", "elsewhere/zoo/named", "module/go.mod", "module/a/b/c.go"} {
		write(name)
	}
	t.Chdir(filepath.Join(parent, "module", "a", "b"))
	for _, c := range []struct {
		variable, name string
		skips          bool
	}{
		{"", "zoo/beside", false},
		{"", "zoo/named", true},
		{filepath.Join(parent, "elsewhere"), "zoo/named", false},
		{filepath.Join(parent, "elsewhere"), "zoo/beside", true},
	} {
		t.Setenv("ESPALIER_SHARED", c.variable)
		var skipped skipping
		path := File(&skipped, c.name)
		if _, err := os.Stat(path); bool(skipped) != c.skips || (err != nil) != c.skips {
			t.Errorf("%q, %s: %s, skipped %v", c.variable, c.name, path, skipped)
		}
	}
}
