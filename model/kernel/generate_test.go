package kernel

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestGenerate holds the committed assembly to its generator.
func TestGenerate(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the generator")
	}
	goTool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("needs the go command:", err)
	}
	dir := t.TempDir()
	if out, err := exec.Command(goTool, "run", "-C", "_asm", ".", dir).CombinedOutput(); err != nil {
		t.Fatalf("run the generator: %v\n%s", err, out)
	}
	written, err := filepath.Glob(filepath.Join(dir, "*.s"))
	if err != nil || len(written) == 0 {
		t.Fatalf("the generator wrote no assembly: %v", err)
	}
	for _, path := range written {
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(path)
		got, err := os.ReadFile(name)
		if err != nil {
			t.Errorf("generated but not committed: %v", err)
		} else if !bytes.Equal(got, want) {
			t.Errorf("%s is not what its generator writes; run go generate in model/kernel", name)
		}
	}
	committed, err := filepath.Glob("*.s")
	if err != nil || len(committed) != len(written) {
		t.Errorf("%d assembly files committed, %d generated (%v)", len(committed), len(written), err)
	}
}
