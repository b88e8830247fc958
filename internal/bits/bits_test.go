package bits

import (
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"espalier/configs"
	"espalier/internal/race"
	"espalier/model/kernel"
)

var record = flag.Bool("record", false, "write the records anew; see the package comment")

func TestMain(m *testing.M) {
	race.Shorten()
	os.Exit(m.Run())
}

// A trial is an experiment whose numbers are recorded.
type trial struct {
	name   string
	preset string
	set    []string
	// small makes it small enough for plain Go.
	small []string
	// width is that of a network of 8 layers with weights from a file, or 0.
	width int
}

var trials = []trial{
	{
		name: "smoke", preset: "smoke", // as it is
		small: []string{
			"data.train=12", "data.test=6", "data.validation=4", "dense.batch=8", "fine_tune.batch=8",
			"sweep.sizes=[1, 3]", "quantize.images=3",
		},
	},
	{
		// Two steps in each of six rounds, up to 92 %: sparse convolutions.
		name: "quick", preset: "quick",
		set: []string{
			"data.train=56", "data.test=24", "data.validation=12", "fine_tune.batch=16", "fine_tune.epochs=0.5", "gate.max_drop=1",
			"quantize.images=20", "sweep.sizes=[1, 10]",
		},
		small: []string{
			"data.train=6", "data.test=3", "data.validation=2", "fine_tune.batch=3",
			"quantize.images=2", "sweep.sizes=[2]", "sweep.observers=[min-max]",
		},
	},
	{
		// The last batch of an epoch is not whole.
		name: "resnet56", preset: "smoke",
		set: []string{
			"model.depth=56", "data.train=24", "data.test=10", "data.validation=6", "dense.batch=16", "dense.epochs=1.5",
			"prune.targets=[0.6]", "fine_tune.batch=16", "fine_tune.epochs=1", "quantize.images=5", "sweep.sizes=[1, 5]",
			"sweep.observers=[moving-average]",
		},
		small: []string{
			"data.train=2", "data.test=1", "data.validation=1", "dense.batch=1", "fine_tune.batch=1", "quantize.images=1", "sweep.sizes=[1]",
		},
	},
	{
		name: "pad", preset: "smoke",
		set: []string{
			"model.depth=20", "model.shortcut=pad", "data.train=24", "data.test=20", "data.validation=10", "dense.batch=16",
			"prune.targets=[]", "quantize.recipe=ort", "quantize.observer=histogram", "quantize.images=10", "sweep.sizes=[]",
		},
		small: []string{"data.train=3", "data.test=3", "data.validation=0", "dense.batch=2", "quantize.images=2"},
	},
	{
		name: "wide", preset: "smoke", width: 32,
		set: []string{
			"data.train=24", "data.test=20", "data.validation=10", "dense.batch=16", "dense.learning_rate=0.01",
			"prune.targets=[0.9]", "fine_tune.batch=12", "quantize.recipe=qnnpack", "quantize.observer=moving-average",
			"quantize.images=10", "sweep.sizes=[]",
		},
		small: []string{"data.train=3", "data.test=3", "data.validation=1", "dense.batch=2", "fine_tune.batch=2", "quantize.images=2"},
	},
}

// TestBits runs every trial with every set of kernels and both algorithms. The
// trials share the processors, each with one thread.
func TestBits(t *testing.T) {
	here := map[string]bool{}
	for _, set := range kernel.All() {
		here[set.Name] = true
	}
	names := map[string]bool{"go": true}
	maps.Copy(names, here)
	if runtime.GOARCH == "amd64" {
		names["avx2"], names["avx512"] = true, true
	}
	for name := range names {
		t.Run(name, func(t *testing.T) {
			if !here[name] {
				t.Skipf("this machine cannot run the kernels %s: their numbers are not compared", name)
			}
			file := filepath.Join("testdata", runtime.GOARCH+"-"+name+".json")
			recorded, anew := read(t, file), sync.Map{}
			if *record {
				t.Cleanup(func() { write(t, file, recorded, &anew) })
			}
			for _, algorithm := range []string{"winograd", "direct"} {
				for _, tr := range trials {
					t.Run(algorithm+"/"+tr.name, func(t *testing.T) {
						t.Parallel()
						if testing.Short() && (name == "go" && tr.name != "pad" || tr.name == "resnet56") {
							t.Skip("takes a while")
						}
						key := algorithm + " " + tr.name
						have := tr.run(t, name, algorithm)
						if *record {
							anew.Store(key, have)
							return
						}
						compare(t, file, recorded[key], have)
					})
				}
			}
		})
	}
}

// compare tells the first five lines that differ, in the run's order.
func compare(t *testing.T, file string, want, have numbers) {
	t.Helper()
	if want == nil {
		if runtime.GOARCH == "amd64" {
			t.Fatalf("%s has no record of this run", file)
		}
		t.Skipf("%s has no record of this run: make it by -record", file)
	}
	told := 0
	for i := range max(len(want), len(have)) {
		if w, h := line(want, i), line(have, i); w != h && told < 5 {
			t.Errorf("%s, line %d\nrecorded %s\nnow      %s", file, i+1, w, h)
			told++
		}
	}
}

func line(n numbers, i int) string {
	if i < len(n) {
		return n[i]
	}
	return "nothing"
}

func (tr trial) run(t *testing.T, kernels, algorithm string) numbers {
	set := append([]string{"engine.kernel=" + kernels, "engine.algorithm=" + algorithm, "engine.threads=1"}, tr.set...)
	if kernels == "go" {
		set = append(set, tr.small...)
	}
	if tr.width > 0 {
		set = append(set, "model.weights="+networkFile(t, tr.width))
	}
	e, err := configs.Load(tr.preset, set)
	if err != nil {
		t.Fatal(err)
	}
	return numbersOf(t, e)
}

// read returns the records of a set of kernels by algorithm and trial.
func read(t *testing.T, file string) map[string]numbers {
	t.Helper()
	all := map[string]numbers{}
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return all
	}
	if err := cmp.Or(err, json.Unmarshal(text, &all)); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return all
}

// write replaces those records that were made anew.
func write(t *testing.T, file string, all map[string]numbers, anew *sync.Map) {
	t.Helper()
	for key, have := range anew.Range {
		all[key.(string)] = have.(numbers)
	}
	text, err := json.MarshalIndent(all, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	if err := cmp.Or(os.MkdirAll("testdata", 0o755), os.WriteFile(file, append(text, '\n'), 0o644)); err != nil {
		t.Fatal(err)
	}
}
