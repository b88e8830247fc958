package pipeline

import (
	"fmt"

	"espalier/model"
	"espalier/model/weights"
)

// A teacher is the dense network, which a pruned one learns from while it is
// fine-tuned (knowledge distillation). It sees the same augmented images.
type teacher struct {
	eval   *model.Evaluator
	logits []float32 // [batch][classes]
}

// newTeacher reads the dense network from the run's folder.
func (r *runner) newTeacher(batch int) (*teacher, error) {
	n, _, err := weights.Load(r.folder.Path(denseCheckpoint))
	if err != nil {
		return nil, fmt.Errorf("read the dense network to distill from: %w", err)
	}
	eval := model.NewEvaluator(n, r.engine, batch)
	return &teacher{eval, make([]float32, batch*eval.Classes())}, nil
}

// of returns the teacher's logits [n][classes] of a batch x [n][c][h][w].
func (t *teacher) of(x []float32, n int) []float32 {
	logits := t.logits[:n*t.eval.Classes()]
	t.eval.Logits(logits, x)
	return logits
}
