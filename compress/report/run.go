package report

import (
	"fmt"

	"espalier/compress/pipeline"
	"espalier/model"
	"espalier/model/weights"
)

// A run is what a folder holds of one.
type run struct {
	folder     pipeline.Folder
	state      pipeline.State
	settings   string // the experiment as YAML
	hash       string // of the journal's canonical part
	steps      curve  // training loss by global step
	epochs     []pipeline.EpochDone
	scales     map[string]pipeline.Scales // the newest of each layer
	sparsities []pipeline.Sparsity        // the newest of each round
	graph      *model.Graph               // of the result, or nil
}

// A curve is points with rising x.
type curve struct{ x, y []float64 }

func (c *curve) add(x, y float64) { c.x, c.y = append(c.x, x), append(c.y, y) }

// read reads a run's folder, whether the run is over or not.
func read(folder pipeline.Folder) (*run, error) {
	r := &run{folder: folder, scales: map[string]pipeline.Scales{}}
	var err error
	if r.state, err = pipeline.ReadState(folder); err != nil {
		return nil, err
	}
	if r.state.Started == nil {
		return nil, fmt.Errorf("run %s has not begun: there is nothing to report", folder.Name())
	}
	e, err := folder.LoadExperiment()
	if err != nil {
		return nil, err
	}
	settings, err := e.YAML()
	if err != nil {
		return nil, err
	}
	r.settings = string(settings)
	if r.hash, err = pipeline.JournalHash(folder); err != nil {
		return nil, err
	}
	err = pipeline.ReadJournal(folder.Journal(), func(e pipeline.Event) error {
		switch b := e.Body.(type) {
		case pipeline.StepDone:
			r.steps.add(float64(b.GlobalStep), float64(b.Loss))
		case pipeline.Scales:
			if !b.Asked {
				r.scales[b.Layer] = b
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	r.epochs, r.sparsities = r.state.Epochs, r.state.Sparsities
	r.graph = r.result()
	return r, nil
}

// result returns the newest network that the folder holds; nil where there is
// none, or none that can be read.
func (r *run) result() *model.Graph {
	var files []string
	if d := r.state.Done; d != nil && d.Result != "" {
		files = append(files, d.Result)
	}
	if p := r.state.Passed(); p != nil {
		files = append(files, p.Checkpoint)
	}
	for _, file := range append(files, "checkpoints/dense.safetensors") {
		if g, _, err := weights.Load(r.folder.Path(file)); err == nil {
			return g
		}
	}
	return nil
}

// name returns the run's name.
func (r *run) name() string { return r.state.Started.Name }
