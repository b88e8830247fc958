package state

import "espalier/compress/pipeline"

// answer folds how far the answer to a command is. While it is computed, nothing
// else happens in a run.
func (r *Run) answer(body pipeline.Body) {
	switch b := body.(type) {
	case pipeline.Commanded:
		if b.Command.Do == pipeline.Scan && b.Refused == "" {
			r.Answering = pipeline.Progress{Stage: pipeline.StageSensitivity, Total: len(r.Info.Layers), Unit: "layers"}
		}
		return // commands that wait are journalled afterwards
	case pipeline.Progress:
		if b.Asked {
			r.Answering = b
			return
		}
	}
	r.Answering = pipeline.Progress{}
}
