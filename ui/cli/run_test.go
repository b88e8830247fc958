package cli

import (
	"context"
	"strings"
	"testing"
)

// TestResumeKeepsSettings refuses to change what decides a begun run's result,
// and lets pass what does not.
func TestResumeKeepsSettings(t *testing.T) {
	t.Chdir(t.TempDir())
	for args, want := range map[string]string{
		"--set seed=2":             "--set cannot change",
		"--seed 2":                 "--seed cannot change",
		"--kernel go":              "--kernel cannot change",
		"--data x":                 "there is no run x",
		"--mean x":                 "--mean cannot change",
		"--threads -1":             "--threads -1: want 0",
		"--threads 2 --plain":      "there is no run x",
		"--threads 1 --run-dir x/": "there is no run x",
	} {
		_, stderr, code := cli(context.Background(), append([]string{"run", "--resume", "x"}, strings.Fields(args)...)...)
		if code != exitUsage || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit code %d, %s", args, code, stderr)
		}
	}
}
