package cli

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"espalier/compress/bench"
)

// benched runs the command bench.
func benched(args ...string) (stdout string, err error) {
	var out bytes.Buffer
	cmd := newBench()
	cmd.SetArgs(args)
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	err = cmd.Execute()
	return out.String(), err
}

func TestBench(t *testing.T) {
	stdout, err := benched("--only", "int8", "--threads", "1", "--seconds", "0.01", "--json")
	if err != nil {
		t.Fatal(err)
	}
	var r bench.Report
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		t.Fatalf("%v in %s", err, stdout)
	}
	if len(r.Peaks) != 1 || len(r.Rows) != 2 || r.Rows[0].Task != "int8" || r.Rows[1].Batch != 128 || r.Delay != nil {
		t.Errorf("%+v", r)
	}
	// With a warning there would be another line.
	r.Scaling = 1
	lines := strings.Split(strings.TrimSpace(benchTable(&r)), "\n")
	if len(lines) != 8 || !strings.HasPrefix(lines[6], "int8            1       1 ") || len(lines[6]) != len(lines[5]) || len(lines[7]) != len(lines[5]) {
		t.Errorf("%q", lines)
	}
}

func TestBenchMistakes(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"--threads -1", "--threads -1"},
		{"--seconds 0", "--seconds 0"},
		{"--seconds NaN", "--seconds NaN"},
		{"--only speed", `no task "speed"`},
		{"--algorithm fft", `algorithm "fft"`},
		{"--kernel sse9", `kernel "sse9"`},
		{"a b", "at most one FILE"},
		{"missing.safetensors", "missing.safetensors"},
	} {
		if stdout, err := benched(strings.Fields(c.args)...); err == nil || !strings.Contains(err.Error(), c.want) || stdout != "" {
			t.Errorf("%s: %v, printed %q", c.args, err, stdout)
		}
	}
}

func TestEpochIsLongerOrShorter(t *testing.T) {
	for overhead, want := range map[float64]string{
		0.0074:  "that is 0.74 % longer than on one batch",
		-0.0534: " 5.34 % shorter than on one batch",
		0:       " as long as on one batch",
	} {
		got := benchTable(&bench.Report{Scaling: 1, Peaks: []bench.Peak{{Threads: 1}}, Epoch: &bench.Epoch{Seconds: 10, Overhead: overhead}})
		if !strings.Contains(got, want) || strings.Contains(got, "-5") {
			t.Errorf("%g: %q lacks %q", overhead, got, want)
		}
	}
}
