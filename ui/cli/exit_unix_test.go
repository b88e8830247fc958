//go:build unix

package cli

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/cobra"

	"espalier/compress/pipeline"
	"espalier/configs"
)

// exits are the exit codes that each command can give. What attach gives with 3
// needs two processes: TestAttachToTheLiveRun. Whatever prints ends with 141 where
// its output is closed, which the shell makes of a signal: TestClosedOutputs.
var exits = map[string][]int{
	"":                   {exitOK, exitCheckFailed, exitUsage, exitRunFailed, exitInterrupted},
	"run":                {exitOK, exitCheckFailed, exitUsage, exitRunFailed, exitInterrupted},
	"train":              {exitOK, exitUsage, exitRunFailed, exitInterrupted},
	"attach":             {exitOK, exitUsage, exitInterrupted},
	"runs":               {exitOK, exitUsage},
	"report":             {exitOK, exitUsage},
	"screenshot":         {exitOK, exitUsage},
	"evaluate":           {exitOK, exitUsage, exitInterrupted},
	"inspect":            {exitOK, exitUsage},
	"quantize":           {exitOK, exitUsage, exitRunFailed, exitInterrupted},
	"export":             {exitOK, exitUsage, exitRunFailed},
	"compare-layers":     {exitOK, exitUsage, exitInterrupted},
	"check":              {exitOK, exitUsage},
	"check pruning":      {exitOK, exitCheckFailed, exitUsage, exitInterrupted},
	"check quantization": {exitOK, exitCheckFailed, exitUsage, exitInterrupted},
	"prune":              {exitOK, exitUsage, exitInterrupted},
	"compress":           {exitOK, exitUsage, exitInterrupted},
	"cost":               {exitOK, exitUsage, exitInterrupted},
	"bench":              {exitOK, exitUsage, exitInterrupted},
	"fetch":              {exitOK, exitUsage, exitRunFailed, exitInterrupted},
	"version":            {exitOK, exitUsage},
}

// TestExitCodes makes every command succeed and fail in every way that has an exit
// code of its own. Nothing is simulated but the interrupt, which is a context that
// ends as the signal ends it.
func TestExitCodes(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_CACHE_HOME", filepath.Join(home, "cache"))
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(home, "config"))
	data := []string{"--data", images(t), "--dataset", "cifar10"}
	file, runs, nowhere := network(t), t.TempDir(), filepath.Join(t.TempDir(), "missing", "x")
	int8 := filepath.Join(t.TempDir(), "int8.safetensors")
	with := func(args string, more ...string) []string {
		args = strings.NewReplacer("FILE", file, "INT8", int8, "RUNS", runs, "NOWHERE", nowhere).Replace(args)
		return slices.Clip(append(strings.Fields(args), more...))
	}
	small := []string{"--plain", "--run-dir", runs, "--set", "prune.targets=[0.5]", "--set", "sweep.sizes=[]"}
	smoke := with("run smoke", small...)
	// Without a command the experiment is quick, made as small as smoke.
	quick := with("--set data.train=64 --set data.validation=32 --set data.test=32 --set model.weights=scratch --set model.depth=8 --set dense.epochs=1 --set fine_tune.epochs=1 --set quantize.images=8 --set cost.measure=false", small...)
	scratch := with("train smoke --plain --epochs 1 --run-dir RUNS")
	diverge := []string{"--set", "dense.learning_rate=100", "--set", "dense.weight_decay=0.9", "--set", "dense.epochs=40"}

	live, err := configs.Load("smoke", nil)
	if err != nil {
		t.Fatal(err)
	}
	live.Prune.Targets = nil
	elsewhere := t.TempDir()
	run, err := pipeline.Create(elsewhere, "live", live)
	if err != nil {
		t.Fatal(err)
	}
	defer run.Close()

	cases := []struct {
		command string
		args    []string
		code    int
		stop    bool // interrupted at once
		says    string
	}{
		{"run", smoke, exitOK, false, "run done"},
		{"run", append(smoke, "--set", "gate.min_top1=0.99"), exitCheckFailed, false, "the result is the dense network"},
		{"run", append(smoke, "--set", "prune.targets=[2]"), exitUsage, false, "prune.targets"},
		{"run", smoke, exitInterrupted, true, "go on with: espalier run --resume"},
		{"", quick, exitOK, false, "run done"},
		{"", append(quick, "--set", "gate.min_top1=0.99"), exitCheckFailed, false, "the result is the dense network"},
		{"", with("nonsense"), exitUsage, false, "unknown command"},
		{"", quick, exitInterrupted, true, "go on with: espalier run --resume"},
		{"", append(quick, diverge...), exitRunFailed, false, "run diverged"},
		{"train", scratch, exitOK, false, "run done"},
		{"train", append(scratch, "--set", "nonsense=1"), exitUsage, false, "nonsense"},
		{"train", append(scratch, diverge...), exitRunFailed, false, "run diverged"},
		{"train", scratch, exitInterrupted, true, "go on with: espalier run --resume"},
		{"attach", with("attach live --plain --run-dir", elsewhere), exitInterrupted, true, "interrupted"},
		{"attach", with("attach missing --run-dir RUNS"), exitUsage, false, "there is no run"},
		{"runs", with("runs --run-dir RUNS"), exitOK, false, "done"},
		{"runs", with("runs --run-dir FILE"), exitUsage, false, "list runs"},
		{"report", with("report missing --run-dir RUNS"), exitUsage, false, "there is no run"},
		{"screenshot", with("screenshot missing --run-dir RUNS"), exitUsage, false, "there is no run"},
		{"evaluate", with("evaluate FILE", data...), exitOK, false, "top-1"},
		{"evaluate", with("evaluate NOWHERE", data...), exitUsage, false, "no such file"},
		{"evaluate", with("evaluate FILE", data...), exitInterrupted, true, "interrupted"},
		{"inspect", with("inspect FILE"), exitOK, false, "layer3.0.conv2"},
		{"inspect", with("inspect NOWHERE"), exitUsage, false, "no such file"},
		{"quantize", with("quantize FILE --images 8 -o INT8", data...), exitOK, false, "in int8"},
		{"quantize", with("quantize FILE --images 0", data...), exitUsage, false, "--images 0"},
		{"quantize", with("quantize FILE --images 8 -o NOWHERE", data...), exitRunFailed, false, "no such file"},
		{"quantize", with("quantize FILE --images 8 -o INT8", data...), exitInterrupted, true, "interrupted"},
		{"export", with("export FILE --onnx", filepath.Join(t.TempDir(), "x.onnx")), exitOK, false, "fp32"},
		{"export", with("export FILE"), exitUsage, false, "nothing to write"},
		{"export", with("export FILE --onnx NOWHERE"), exitRunFailed, false, "no such file"},
		{"compare-layers", with("compare-layers FILE FILE", data...), exitOK, false, "same"},
		{"compare-layers", with("compare-layers FILE", data...), exitUsage, false, "got 1 argument"},
		{"compare-layers", with("compare-layers FILE FILE", data...), exitInterrupted, true, "interrupted"},
		{"check", with("check"), exitOK, false, "espalier check"},
		{"check", with("check nonsense"), exitUsage, false, "unknown command"},
		{"check pruning", with("check pruning FILE --min-top1 0.001", data...), exitOK, false, "passed"},
		{"check pruning", with("check pruning FILE --min-sparsity 0.9", data...), exitCheckFailed, false, "failed"},
		{"check pruning", with("check pruning FILE", data...), exitUsage, false, "nothing to check"},
		{"check pruning", with("check pruning FILE --min-top1 0.001", data...), exitInterrupted, true, "interrupted"},
		{"check quantization", with("check quantization INT8 --min-top1 0.001", data...), exitOK, false, "passed"},
		{"check quantization", with("check quantization INT8 --min-top1 0.99", data...), exitCheckFailed, false, "failed"},
		{"check quantization", with("check quantization FILE --min-top1 0.001", data...), exitUsage, false, "espalier quantize"},
		{"check quantization", with("check quantization INT8 --min-top1 0.001", data...), exitInterrupted, true, "interrupted"},
		{"prune", with("prune FILE --weights 0.5 --runs 0 -o RUNS/sparse.safetensors", data...), exitOK, false, "zero"},
		{"prune", with("prune FILE"), exitUsage, false, "--macs"},
		{"prune", with("prune FILE --weights 0.5 --runs 0 -o RUNS/interrupted.safetensors", data...), exitInterrupted, true, "interrupted"},
		{"cost", with("cost FILE --seconds 0"), exitOK, false, "parameters"},
		{"cost", with("cost NOWHERE"), exitUsage, false, "no such file"},
		{"cost", with("cost FILE --threads 1"), exitInterrupted, true, "interrupted"},
		{"compress", with("compress FILE --hours 0.0001 --set data.validation=20 --output RUNS/compressed", data...), exitOK, false, "image"},
		{"compress", with("compress NOWHERE", data...), exitUsage, false, "no such file"},
		{"compress", with("compress FILE --set data.validation=20 --output RUNS/interrupted", data...), exitInterrupted, true, "interrupted"},
		{"bench", with("bench FILE --only int8 --threads 1 --seconds 0.01"), exitOK, false, "int8"},
		{"bench", with("bench --only nonsense"), exitUsage, false, "nonsense"},
		{"bench", with("bench FILE --only int8 --threads 1"), exitInterrupted, true, "interrupted"},
		{"fetch", with("fetch --data", filepath.Dir(data[1])), exitOK, false, "CIFAR-10 is in"},
		{"fetch", with("fetch nonsense"), exitUsage, false, "nonsense"},
		{"fetch", with("fetch --data FILE"), exitRunFailed, false, "name another folder"},
		{"fetch", with("fetch --data", t.TempDir()), exitInterrupted, true, "interrupted"},
		{"version", with("version"), exitOK, false, "espalier"},
		{"version", with("version nonsense"), exitUsage, false, "nonsense"},
	}
	seen := map[string][]int{}
	for _, c := range cases {
		ctx, cancel := context.WithCancel(t.Context())
		if c.stop {
			cancel()
		}
		stdout, stderr, code := cli(ctx, c.args...)
		cancel()
		if code != c.code || !strings.Contains(stdout+stderr, c.says) {
			t.Errorf("%v: exit code %d, want %d and %q\n%s\n%s", c.args, code, c.code, c.says, stdout, stderr)
		}
		seen[c.command] = append(seen[c.command], code)
	}
	listings, err := pipeline.ListRuns(runs)
	if err != nil {
		t.Fatal(err)
	}
	over := listings[len(listings)-1].Folder // the first
	for _, command := range []string{"attach --plain", "report", "screenshot"} {
		stdout, stderr, code := cli(t.Context(), append(strings.Fields(command), string(over))...)
		if code != exitOK || stdout == "" {
			t.Errorf("%s: exit code %d, %s", command, code, stderr)
		}
		command, _, _ = strings.Cut(command, " ")
		seen[command] = append(seen[command], code)
	}
	// A run that cannot read its images any more.
	moved := images(t)
	_, stderr, _ := func() (string, string, int) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		return cli(ctx, with("run smoke --plain --run-dir RUNS --set data.set=cifar10 --set data.train=100 --set data.validation=40 --data", moved)...)
	}()
	_, name, _ := strings.Cut(strings.TrimSpace(stderr), "--resume ")
	if err := os.RemoveAll(moved); err != nil {
		t.Fatal(err)
	}
	if _, stderr, code := cli(t.Context(), "run", "--plain", "--resume", name); code != exitRunFailed || !strings.Contains(stderr, "read the data") {
		t.Errorf("run without its images: exit code %d, %s", code, stderr)
	} else {
		seen["run"] = append(seen["run"], code)
	}

	everyCommand(newRoot(), "", func(command string) {
		for _, code := range exits[command] {
			if !slices.Contains(seen[command], code) {
				t.Errorf("%q never ended with %d", command, code)
			}
		}
		if exits[command] == nil {
			t.Errorf("%q has no exit codes here", command)
		}
	})
}

// everyCommand calls f with the words of every command of the program's own.
func everyCommand(cmd *cobra.Command, words string, f func(words string)) {
	f(words)
	for _, c := range cmd.Commands() {
		everyCommand(c, strings.TrimSpace(words+" "+c.Name()), f)
	}
}

// TestDownloadFails fetches through a proxy that is not there.
func TestDownloadFails(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	p := program(t, t.TempDir(), "fetch", "--data", t.TempDir())
	p.Env = append(p.Env, "HTTPS_PROXY=http://127.0.0.1:1", "NO_PROXY=")
	if code, text := exit(t, p, start(t, p)); code != exitRunFailed || !strings.Contains(text, "check the network and fetch again") {
		t.Errorf("exit code %d\n%s", code, text)
	}
}

// TestClosedOutputs closes the output of commands that are not runs: the system
// ends them, with what a shell calls 141.
func TestClosedOutputs(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	file := network(t)
	for _, args := range [][]string{{"version"}, {"inspect", file}, {"evaluate", "--help"}} {
		p := program(t, t.TempDir(), args...)
		read, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		var said bytes.Buffer
		p.Stdout, p.Stderr = write, &said
		read.Close()
		err = p.Run()
		write.Close()
		if _, ok := err.(*exec.ExitError); !ok {
			t.Errorf("%v: %v", args, err)
			continue
		}
		if s := p.ProcessState.Sys().(syscall.WaitStatus); !s.Signaled() || 128+int(s.Signal()) != exitClosed {
			t.Errorf("%v: %v, %s", args, p.ProcessState, said.String())
		}
	}
}
