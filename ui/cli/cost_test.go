package cli

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"espalier/compress/cost"
	"espalier/model"
)

// TestCost prices files, and writes one without its zeros that is as large as said.
func TestCost(t *testing.T) {
	dense := networkOf(t, model.Arch{Depth: 8, Shortcut: model.Pad, Classes: 10})
	sparse := filepath.Join(t.TempDir(), "sparse.safetensors")
	var size struct{ Bytes, Compressed int64 }
	decoded(t, &size, "export", dense, "--sparse", sparse)
	var all []costOf
	decoded(t, &all, "cost", dense, sparse, "--seconds", "0")
	info, err := os.Stat(sparse)
	if err != nil || len(all) != 2 {
		t.Fatal(err, all)
	}
	for _, c := range all {
		if c.Bytes.Sparse != info.Size() || c.Bytes.Sparse != size.Bytes || c.Parameters < 70_000 || c.MACs != all[0].MACs {
			t.Errorf("%s: %+v; the file has %d bytes", c.File, c.Counts, info.Size())
		}
	}
	stdout, stderr, code := cli(context.Background(), "cost", dense, "--seconds", "0.001", "--layers")
	for _, want := range []string{"FLOPs are 2 × MACs", "measured on ", cost.Integer, "images/s", "layer1.0.conv1"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("%q is missing: exit code %d, %s%s", want, code, stdout, stderr)
		}
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"cost"}, "at least one FILE"},
		{[]string{"cost", dense, "--seconds", "-1"}, "want 0 to 3600"},
		{[]string{"export", dense}, "nothing to write"},
		{[]string{"export", dense, "--sparse", dense}, "is the source"},
	} {
		if _, stderr, code := cli(context.Background(), c.args...); code == 0 || !strings.Contains(stderr, c.want) {
			t.Errorf("%v: exit code %d, %s", c.args, code, stderr)
		}
	}
}
