package pipeline

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"espalier/dataset"
)

// TestDenseCache trains a dense network once for several runs. One that takes it
// has the journal of one that trains: the same hash, the same numbers of steps.
func TestDenseCache(t *testing.T) {
	numeric(t)
	for _, validation := range []int{32, 0} {
		set := fmt.Sprintf("data.validation=%d", validation)
		parts := tinyParts()
		if validation == 0 {
			open := parts.Open
			parts.Open = func(o dataset.Options) (*dataset.Data, error) {
				data, err := open(o)
				data.Validation = &dataset.Split{}
				return data, err
			}
		}
		plain := create(t, tiny(t, set))
		_, trained := do(t, plain, parts)
		want := journalHash(t, plain.Folder)
		parts.Cache = t.TempDir()
		for i, threads := range []string{"engine.threads=2", "engine.threads=1", "engine.threads=3"} {
			r := create(t, tiny(t, set, threads))
			_, events := do(t, r, parts)
			if hash := journalHash(t, r.Folder); hash != want {
				t.Errorf("run %d with the cache, %s: hash %s, want %s\n%s", i, set, hash, want, firstDifference(trained, events))
			}
			if from := strings.Contains(fmt.Sprint(of[Log](events)), "come from an earlier run"); from != (i > 0) {
				t.Errorf("run %d takes the dense network from the cache: %v", i, from)
			}
		}
		other := create(t, tiny(t, set, "dense.learning_rate=0.05"))
		if do(t, other, parts); journalHash(t, other.Folder) == want {
			t.Error("another learning rate takes the cached network")
		}
		other = create(t, tiny(t, set, "model.weights="+plain.Folder.Path(denseCheckpoint)))
		if do(t, other, parts); journalHash(t, other.Folder) == want {
			t.Error("a training from other weights takes the cached network")
		}
		if open := parts.Open; validation > 0 {
			parts.Open = func(o dataset.Options) (*dataset.Data, error) {
				data, err := open(o)
				other := *data.Validation
				other.Images = slices.Clone(other.Images)
				other.Images[0]++
				data.Validation = &other
				return data, err
			}
			other = create(t, tiny(t, set))
			if _, events := do(t, other, parts); strings.Contains(fmt.Sprint(of[Log](events)), "come from an earlier run") {
				t.Error("a run with other validation images takes the cached network, whose events have other losses")
			}
		}
	}
}

// TestDamagedDenseCache: what is cached is taken as a whole or not at all.
func TestDamagedDenseCache(t *testing.T) {
	numeric(t)
	want, _ := reference(t)
	parts := tinyParts()
	parts.Cache = t.TempDir()
	do(t, create(t, tiny(t)), parts)
	files, err := filepath.Glob(filepath.Join(parts.Cache, "*"+cacheSteps))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, error %v", files, err)
	}
	whole, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	for name, damage := range map[string]func() error{
		"the steps are gone":    func() error { return os.Remove(files[0]) },
		"the steps are cut off": func() error { return os.WriteFile(files[0], whole[:len(whole)/2], 0o644) },
		"the steps are no gzip": func() error { return os.WriteFile(files[0], []byte("{}\n"), 0o644) },
		"the weights are no file": func() error {
			return os.WriteFile(strings.TrimSuffix(files[0], cacheSteps)+cacheWeights, []byte("x"), 0o644)
		},
	} {
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		r := create(t, tiny(t))
		do(t, r, parts) // and caches it anew
		if hash := journalHash(t, r.Folder); hash != want {
			t.Errorf("%s: hash %s, want %s", name, hash, want)
		}
	}
}

// TestReportHasTheRunsHash: the report that is written anew has the hash of the
// one that the run wrote before its last event.
func TestReportHasTheRunsHash(t *testing.T) {
	r := create(t, tiny(t))
	do(t, r, tinyParts())
	hash := func() string {
		var result Result
		text, err := os.ReadFile(r.Folder.Result())
		if err == nil {
			err = json.Unmarshal(text, &result)
		}
		if err != nil {
			t.Fatal(err)
		}
		return result.Journal
	}
	before := hash()
	if _, err := WriteReport(r.Folder); err != nil {
		t.Fatal(err)
	}
	if after := hash(); after != before || len(after) != 64 {
		t.Errorf("hash %s at the end of the run, %s afterwards", before, after)
	}
}
