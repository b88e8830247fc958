package pipeline

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"espalier/configs"
	"espalier/internal/atomicfile"
	"espalier/model/weights"
)

// cached returns the path at which a dense network with these settings is kept,
// without its ending (see cacheSteps and cacheWeights). The name is a hash of
// everything that the weights depend on.
func (r *runner) cached() (string, error) {
	if r.parts.Cache == "" {
		return "", nil
	}
	dense := configs.Experiment{Seed: r.e.Seed, Data: r.e.Data, Model: r.e.Model, Dense: r.e.Dense, Engine: r.e.Engine}
	// These say where images and weights come from; their content is hashed
	// below. Results do not depend on threads.
	dense.Data.Path, dense.Model.Weights, dense.Model.Graph = "", "", ""
	dense.Engine.Threads, dense.Engine.Kernel = 0, r.engine.Kernels.Name
	settings, err := dense.YAML()
	if err != nil {
		return "", err
	}
	h := sha256.New()
	fmt.Fprintf(h, "%s%s\n", settings, weights.Hash(weights.FromNetwork(r.net)))
	hashImages(h, r.data.Train, r.data.Validation)
	return filepath.Join(r.parts.Cache, "dense-"+hex.EncodeToString(h.Sum(nil))[:16]), nil
}

// A dense network is kept in two files: its weights and the events of its
// training. A run that takes it from the cache journals these events as well,
// so that its journal equals that of a run that trains.
const (
	cacheWeights = ".safetensors"
	cacheSteps   = ".steps.jsonl.gz" // StepDone and EpochDone, one a line as in a journal
)

// cache keeps the dense network that was just trained, and the events of its
// training.
func (r *runner) cache(path string) error {
	if err := os.MkdirAll(r.parts.Cache, 0o755); err != nil {
		return err
	}
	// The weights come last: if they are there, the steps are complete.
	if err := atomicfile.Write(path+cacheSteps, r.writeSteps); err != nil {
		return err
	}
	return weights.Save(path+cacheWeights, r.net, r.metadata(map[string]string{"stage": StageDense}))
}

// writeSteps writes the journal's events of the dense network's training.
func (r *runner) writeSteps(w io.Writer) error {
	packed := gzip.NewWriter(w)
	lines := json.NewEncoder(packed)
	var seq int64
	err := ReadJournal(r.folder.Journal(), func(e Event) error {
		body, ok := ofTraining(e.Body)
		if !ok {
			return nil
		}
		seq++
		return lines.Encode(Event{Seq: seq, Body: body})
	})
	return errors.Join(err, packed.Close())
}

// ofTraining returns the canonical part of an event of the dense network's
// training, and whether it is one.
func ofTraining(body Body) (Body, bool) {
	switch b := body.(type) {
	case StepDone:
		if b.Stage != StageDense {
			return nil, false
		}
	case EpochDone:
		if b.Stage != StageDense {
			return nil, false
		}
	default:
		return nil, false
	}
	return canonical(body)
}

// takeCached loads the cached network and publishes the events of its training.
// After an error, no event was published.
func (r *runner) takeCached(path string, epochs float64) error {
	n, _, err := weights.Load(path + cacheWeights)
	if err != nil {
		return err
	}
	if !n.SameStructure(r.net) {
		return fmt.Errorf("%s is another network", path+cacheWeights)
	}
	events, err := readCachedSteps(path+cacheSteps, stepsOf(epochs, r.perEpoch(r.e.Dense)))
	if err != nil {
		return err
	}
	adopt(r.net, n)
	r.estimate.skip(trainWork, epochs*float64(r.data.Train.Len()))
	r.log("info", "the dense network and its training's events come from an earlier run with the same settings: %s", path+cacheWeights)
	for _, body := range events {
		if step, ok := body.(StepDone); ok {
			step.Overall, step.Remaining = r.estimate.overall(), r.estimate.remaining()
			body, r.steps = step, step.GlobalStep
		}
		r.hub.Publish(body)
	}
	return nil
}

// readCachedSteps reads the events of a training and checks that it has so many
// steps.
func readCachedSteps(path string, steps int) ([]Body, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	unpacked, err := gzip.NewReader(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var events []Body
	done := 0
	_, err = scan(unpacked, start, func(e Event, _, _ int64) error {
		if step, ok := e.Body.(StepDone); ok {
			if done++; step.Step != done || step.GlobalStep != done {
				return fmt.Errorf("step %d where %d is expected", step.Step, done)
			}
		}
		events = append(events, e.Body)
		return nil
	})
	if err == nil && done != steps {
		err = fmt.Errorf("%d steps where %d are expected", done, steps)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return events, nil
}
