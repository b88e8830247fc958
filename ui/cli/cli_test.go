package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"espalier/compress/pipeline"
	"espalier/model"
	"espalier/model/weights"
)

// cli runs the program with arguments and returns what it printed and its
// exit code.
func cli(ctx context.Context, args ...string) (stdout, stderr string, code int) {
	var out, err bytes.Buffer
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(&out)
	root.SetErr(&err)
	code = execute(ctx, root, &err)
	return out.String(), err.String(), code
}

// network writes an untrained network for shapes10 and returns its path.
func network(t *testing.T) string {
	t.Helper()
	return networkOf(t, model.Arch{Depth: 8, Shortcut: model.Projection, Classes: 10})
}

func networkOf(t *testing.T, a model.Arch) string {
	t.Helper()
	n, err := model.ResNet(a)
	if err != nil {
		t.Fatal(err)
	}
	n.Init(1)
	n.Mean, n.Std = []float32{0.5, 0.5, 0.5}, []float32{0.25, 0.25, 0.25}
	path := filepath.Join(t.TempDir(), "n.safetensors")
	if err := weights.Save(path, n, map[string]string{weights.MetaDataset: "shapes10"}); err != nil {
		t.Fatal(err)
	}
	return path
}

// images writes a small CIFAR-10 of noise and returns its folder: records of a
// label and 3,072 pixels.
func images(t *testing.T) string {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "cifar-10-batches-bin")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for _, name := range []string{"data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"} {
		records := make([]byte, 40*3073)
		for i := range records {
			records[i] = byte(rng.UintN(256))
			if i%3073 == 0 {
				records[i] %= 10
			}
		}
		if err := os.WriteFile(filepath.Join(folder, name+".bin"), records, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

func TestMistakes(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("HOME", t.TempDir()) // an empty cache
	t.Setenv("XDG_CACHE_HOME", "")
	t.Setenv("ESPALIER_DATA", "")
	if err := os.WriteFile("text", []byte("these are no weights"), 0o644); err != nil {
		t.Fatal(err)
	}
	file := network(t)
	for _, c := range []struct {
		args string
		want string // in the sentence on stderr
	}{
		{"bogus", `unknown command "bogus"; see espalier --help`},
		{"evalute", `unknown command "evalute": did you mean evaluate?`},
		{"compare", `unknown command "compare": did you mean compare-layers?`},
		{"quick", `unknown command "quick"; see espalier --help`},
		{"check prunning", `unknown command "prunning": did you mean pruning?`},
		{"evaluate", "takes one FILE"},
		{"evaluate a b", "takes one FILE"},
		{"evaluate --nonsense x", "--nonsense; see espalier evaluate --help"},
		{"evaluate missing.safetensors", "missing.safetensors"},
		{"evaluate text", "text"},
		{"evaluate " + file + " --kernel nonsense", `kernel "nonsense"`},
		{"evaluate " + file + " --threads -1", "--threads -1"},
		{"evaluate " + file + " --mean nonsense", `--mean "nonsense"`},
		{"evaluate " + file + " --dataset cifar10", "CIFAR-10 was not found"},
		{"evaluate " + file + " --dataset nonsense", "nonsense"},
		{"check pruning " + file, "nothing to check"},
		{"check pruning " + file + " --min-top1 90", "want a share"},
		{"check quantization " + file + " --min-top1 0.9", "espalier quantize"},
		{"quantize " + file + " --recipe nonsense", "nonsense"},
		{"quantize " + file + " --images 0", "--images 0"},
		{"quantize " + file + " --observer nonsense", "nonsense"},
		{"run nonsense", `"nonsense"`},
		{"run smoke again", "at most one EXPERIMENT"},
		{"run smoke --set nonsense=1", "nonsense"},
		{"run smoke --tui --plain", "only one of --tui, --plain and --json"},
		{"run --json --plain", "only one of --tui, --plain and --json"},
		{"--json --plain", "only one of --tui, --plain and --json"},
		{"run cifar10", "CIFAR-10 was not found"},
		{"run --resume nonsense", "there is no run nonsense"},
		{"run smoke --resume nonsense", "leave out smoke"},
		{"run --resume x --seed 3", "--seed cannot change"},
		{"train nonsense", `"nonsense"`},
		{"attach nonsense", "there is no run nonsense"},
		{"attach", "no run under runs is live"},
		{"attach a b", "at most one RUN"},
		{"report nonsense", "there is no run nonsense"},
	} {
		stdout, stderr, code := cli(context.Background(), strings.Fields(c.args)...)
		if code != exitUsage || !strings.Contains(stderr, c.want) || strings.Count(stderr, "\n") != 1 || stdout != "" {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q, want one line that says %q", c.args, code, stdout, stderr, c.want)
		}
	}
	if runs, _ := filepath.Glob("runs/*"); len(runs) > 0 {
		t.Errorf("mistakes made run folders: %v", runs)
	}
}

func TestEvaluateAndChecks(t *testing.T) {
	file := network(t)
	data := []string{"--dataset", "cifar10", "--data", images(t)}
	stdout, stderr, code := cli(context.Background(), append([]string{"evaluate", file, "--json", "--limit", "30"}, data...)...)
	var r struct {
		Top1           float64
		Correct, Total int
		Loss, Sparsity *float64
	}
	if err := json.Unmarshal([]byte(stdout), &r); code != 0 || err != nil || stderr != "" {
		t.Fatalf("exit code %d, error %v, stdout %q, stderr %q", code, err, stdout, stderr)
	}
	if r.Total != 30 || r.Top1 != float64(r.Correct)/30 || r.Loss == nil || *r.Loss < 1 || r.Sparsity == nil || *r.Sparsity != 0 {
		t.Errorf("%s", stdout)
	}
	int8 := filepath.Join(t.TempDir(), "q.safetensors")
	if stdout, stderr, code := cli(context.Background(), append([]string{"quantize", file, "--images", "10", "-o", int8, "--json"}, data...)...); code != 0 || !json.Valid([]byte(stdout)) {
		t.Fatalf("quantize: exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"pruning", file, "--min-top1", "0.01"}, exitOK, "n.safetensors: passed: top-1"},
		{[]string{"pruning", file, "--min-top1", "0.99"}, exitCheckFailed, "n.safetensors: failed: top-1"},
		{[]string{"pruning", file, "--min-sparsity", "0.5"}, exitCheckFailed, "failed: sparsity 0.0000 % misses 50.0000 %"},
		{[]string{"quantization", int8, "--min-top1", "0.01"}, exitOK, "q.safetensors: passed: top-1"},
		{[]string{"quantization", int8, "--min-top1", "0.99"}, exitCheckFailed, "q.safetensors: failed: top-1"},
		{[]string{"quantization", int8, "--min-top1", "0.99", "--json"}, exitCheckFailed, `"passed":false`},
	} {
		stdout, stderr, code := cli(context.Background(), append(append([]string{"check"}, c.args...), data...)...)
		if code != c.code || !strings.Contains(stdout, c.want) || strings.Count(stdout, "\n") != 1 || stderr != "" {
			t.Errorf("check %v: exit code %d, stdout %q, stderr %q, want %d and %q", c.args, code, stdout, stderr, c.code, c.want)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, stderr, code := cli(ctx, append([]string{"evaluate", file}, data...)...); code != exitInterrupted || stderr != "espalier: interrupted\n" {
		t.Errorf("interrupted: exit code %d, stderr %q", code, stderr)
	}
}

// TestRun runs the smallest experiment to its end, and looks at it afterwards.
func TestRun(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	stdout, stderr, code := cli(context.Background(), "run", "smoke", "--json", "--set", "prune.targets=[0.5]", "--seed", "3")
	if code != 0 || stderr != "" {
		t.Fatalf("exit code %d, stderr %q, stdout\n%s", code, stderr, stdout)
	}
	kinds := map[string]int{}
	for _, line := range strings.Split(strings.TrimSpace(stdout), "\n") {
		var e struct{ Kind string }
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		kinds[e.Kind]++
	}
	for _, kind := range []string{"run_started", "round_done", "quantized", "run_done"} {
		if kinds[kind] != 1 {
			t.Errorf("%d events %s, want 1", kinds[kind], kind)
		}
	}
	var rows []runRow
	stdout, _, code = cli(context.Background(), "runs", "--json")
	if err := json.Unmarshal([]byte(stdout), &rows); err != nil || code != 0 || len(rows) != 1 {
		t.Fatalf("runs: exit code %d, error %v, %s", code, err, stdout)
	}
	if r := rows[0]; r.State != pipeline.StandingDone || r.Dataset != "shapes10" || r.Dense == nil || r.Int8 == nil || r.Sparsity == nil || *r.Sparsity < 0.45 || *r.Sparsity > 0.5 {
		t.Errorf("%s", stdout)
	}
	report := filepath.Join("runs", rows[0].Name, "report.md")
	if err := os.Remove(report); err != nil {
		t.Fatal(err)
	}
	if stdout, _, code := cli(context.Background(), "report", rows[0].Name); code != 0 || !strings.Contains(stdout, report) {
		t.Errorf("report: exit code %d, %q", code, stdout)
	}
	if _, err := os.Stat(report); err != nil {
		t.Error(err)
	}
	if stdout, _, code := cli(context.Background(), "attach", rows[0].Name, "--plain"); code != 0 || !strings.Contains(stdout, "run done") {
		t.Errorf("attach: exit code %d, %q", code, stdout)
	}
	// Without its last event the run is one whose process is gone.
	journal := filepath.Join("runs", rows[0].Name, "journal.jsonl")
	events, err := os.ReadFile(journal)
	if err != nil {
		t.Fatal(err)
	}
	last := bytes.LastIndexByte(bytes.TrimSpace(events), '\n')
	if err := os.WriteFile(journal, events[:last+1], 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ args, want string }{
		{"runs", "  dead  "}, {"runs --json", `"state":"dead"`},
		{"screenshot " + rows[0].Name, "✗ DEAD"}, {"screenshot --step 8 " + rows[0].Name, "● RUNNING"},
	} {
		if stdout, stderr, code := cli(context.Background(), strings.Fields(c.args)...); code != 0 || !strings.Contains(stdout, c.want) {
			t.Errorf("%s of a dead run: exit code %d, no %q in %s%s", c.args, code, c.want, stdout, stderr)
		}
	}
	checkpoint := filepath.Join("runs", rows[0].Name, "checkpoints", "round-1.safetensors")
	if stdout, stderr, code := cli(context.Background(), "check", "pruning", checkpoint, "--min-sparsity", "0.45", "--limit", "50"); code != 0 {
		t.Errorf("check: exit code %d, %q, %q", code, stdout, stderr)
	}
}

// An interrupted run says how it goes on, and does.
func TestInterruptAndResume(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // before the first step
	_, stderr, code := cli(ctx, "run", "smoke", "--plain", "--set", "prune.targets=[]", "--set", "sweep.sizes=[]")
	_, folder, found := strings.Cut(strings.TrimSpace(stderr), "espalier run --resume ")
	if code != exitInterrupted || !found {
		t.Fatalf("exit code %d, stderr %q", code, stderr)
	}
	stdout, stderr, code := cli(context.Background(), "run", "--resume", folder, "--plain")
	if code != 0 || !strings.Contains(stdout, "run done") {
		t.Errorf("exit code %d, stderr %q, stdout\n%s", code, stderr, stdout)
	}
	if _, stderr, code := cli(context.Background(), "run", "--resume", folder, "--plain"); code != exitUsage || !strings.Contains(stderr, "done already") {
		t.Errorf("resumed again: exit code %d, stderr %q", code, stderr)
	}
}

func TestTrain(t *testing.T) {
	smoke, err := os.ReadFile("../../configs/presets/smoke.yaml")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	if err := os.WriteFile("e.yaml", append([]byte("about: It prunes.\n"), smoke...), 0o666); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, code := cli(context.Background(), "train", "e.yaml", "--epochs", "0.5", "--plain", "--depth", "14")
	if code != 0 || strings.Contains(stdout, "round 1") || !strings.Contains(stdout, "resnet14") {
		t.Fatalf("exit code %d, stderr %q, stdout\n%s", code, stderr, stdout)
	}
	if strings.Contains(stdout, "It prunes.") {
		t.Errorf("training tells what the whole experiment does:\n%s", stdout)
	}
	dense, _ := filepath.Glob("runs/*/checkpoints/dense.safetensors")
	if len(dense) != 1 {
		t.Fatalf("%d dense networks", len(dense))
	}
	if n, _, err := weights.Load(dense[0]); err != nil || n.Name != "resnet14 projection" {
		t.Errorf("error %v", err)
	}
}

// TestHelp walks all commands: each has an explanation and the exit codes, and
// those that answer something can do so in JSON.
func TestHelp(t *testing.T) {
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		if !strings.Contains(cmd.Long, ExitCodes) || cmd.Short == "" || strings.HasSuffix(cmd.Short, ".") {
			t.Errorf("%s: help is not as that of the others", cmd.CommandPath())
		}
		answers := cmd.Runnable() && (!cmd.HasParent() || !cmd.HasSubCommands())        // "check" alone prints its help
		if answers && cmd.Flags().Lookup("json") == nil && cmd.Name() != "screenshot" { // which answers with a picture
			t.Errorf("%s has no --json", cmd.CommandPath())
		}
		for _, c := range cmd.Commands() {
			walk(c)
		}
	}
	root := newRoot()
	walk(root)
	for _, want := range []string{"run", "train", "evaluate", "quantize", "check", "fetch", "runs", "report", "version"} {
		if c, _, err := root.Find([]string{want}); err != nil || c.Name() != want {
			t.Errorf("there is no command %s", want)
		}
	}
	if stdout, _, code := cli(context.Background(), "completion", "bash"); code != 0 || !strings.Contains(stdout, "espalier") {
		t.Errorf("completion: exit code %d", code)
	}
	if stdout, _, code := cli(context.Background(), "version", "--json"); code != 0 || !json.Valid([]byte(stdout)) || !strings.Contains(stdout, `"go"`) {
		t.Errorf("version: exit code %d, %q", code, stdout)
	}
}

func TestDrawable(t *testing.T) {
	for _, c := range []struct {
		terminal bool
		ci, name string
		want     bool
	}{
		{true, "", "xterm-256color", true},
		{true, "false", "xterm", true},
		{false, "", "xterm", false},
		{true, "true", "xterm", false},
		{true, "1", "xterm", false},
		{true, "", "dumb", false},
	} {
		if got := drawable(c.terminal, c.ci, c.name); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
	if isTerminal(&bytes.Buffer{}) {
		t.Error("a buffer is a terminal")
	}
}

func TestConfirm(t *testing.T) {
	for answer, want := range map[string]bool{"\n": true, "y\n": true, " YES \n": true, "n\n": false, "what\n": false, "": false, "y": false} {
		var out bytes.Buffer
		if got := confirm(strings.NewReader(answer), &out, "Well?"); got != want || !strings.HasPrefix(out.String(), "Well? [Y/n] ") {
			t.Errorf("%q: %v, %q", answer, got, out.String())
		}
	}
}

func TestChoose(t *testing.T) {
	for answer, want := range map[string]int{"\n": 0, "2\n": 1, " 3 \n": 2, "0\n4\nx\n2\n": 1} {
		var out bytes.Buffer
		if got, err := choose(strings.NewReader(answer), &out, "Which?", 3); got != want || err != nil || strings.Count(out.String(), "Which? [1] ") != strings.Count(answer, "\n") {
			t.Errorf("%q: %v, %v, %q", answer, got, err, out.String())
		}
	}
	if _, err := choose(strings.NewReader("7\n"), io.Discard, "Which?", 3); !errors.Is(err, errInterrupted) {
		t.Errorf("no answer: %v", err)
	}
}

// TestNoRoundPassed: a run in which no round passes does not keep what was asked
// and ends with 1; one whose later round fails ends with 0.
func TestNoRoundPassed(t *testing.T) {
	for _, c := range []struct {
		set  []string
		code int
		says string
	}{
		{[]string{"gate.min_top1=0.99"}, exitCheckFailed, "the result is the dense network"},
		{[]string{"gate.max_drop=0.9"}, exitOK, "run done after"},
	} {
		args := []string{"run", "smoke", "--plain", "--run-dir", t.TempDir(), "--set", "prune.targets=[0.5]", "--set", "sweep.sizes=[]", "--set", "gate.split=test"}
		for _, set := range c.set {
			args = append(args, "--set", set)
		}
		stdout, stderr, code := cli(t.Context(), args...)
		if code != c.code || !strings.Contains(stdout, c.says) || stderr != "" {
			t.Errorf("%v: exit code %d, want %d\n%s\n%s", c.set, code, c.code, stdout, stderr)
		}
	}
}
