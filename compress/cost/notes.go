package cost

import (
	"fmt"

	"espalier/internal/plural"
)

// notes says what brings no gain, by the times of one image on one thread.
func (m *measuring) notes() []string {
	r := m.report
	var notes []string
	float, _ := r.Speed(Float, 1, 1)
	zeros := r.Weights - r.NonZero
	if m.float != nil && zeros > 0 && m.full == nil {
		notes = append(notes, fmt.Sprintf("sparsity makes the file smaller and not the network faster: %s of %s weights are zero, and %s",
			plural.Thousands(zeros), plural.Thousands(r.Weights), m.why))
	}
	if sparse, ok := r.Speed(Sparse, 1, 1); ok {
		switch {
		case sparse.Slower(float):
			notes = append(notes, fmt.Sprintf("sparsity does not pay in time here: an image takes %s by lists of weights and %s densely, because a multiply-add of a list costs several of a dense one",
				sparse.spread(), float.spread()))
		case !float.Slower(sparse):
			notes = append(notes, fmt.Sprintf("whether sparsity pays in time here cannot be told from the noise: an image takes %s by lists of weights and %s densely",
				sparse.spread(), float.spread()))
		}
	}
	if integer, ok := r.Speed(Integer, 1, 1); ok && m.float != nil {
		best := float
		if sparse, ok := r.Speed(Sparse, 1, 1); ok && sparse.Seconds < best.Seconds {
			best = sparse
		}
		switch {
		case integer.Slower(best):
			notes = append(notes, fmt.Sprintf("int8 is slower than %s here: an image takes %s, and %s in %[1]s", best.Form, integer.spread(), best.spread()))
		case !best.Slower(integer):
			notes = append(notes, fmt.Sprintf("int8 is not faster than %s here beyond the noise: an image takes %s, and %s in %[1]s", best.Form, integer.spread(), best.spread()))
		}
	}
	if m.integer != nil && m.float == nil && zeros*2 > r.Weights {
		notes = append(notes, "the integer kernels multiply by zeros like by any other code: sparsity makes this file smaller and not the network faster")
	}
	return notes
}

// spread writes a time with its quartiles, such as "1.20 ms (1.19 to 1.24)".
func (s Speed) spread() string {
	return fmt.Sprintf("%.3g ms (%.3g to %.3g)", 1e3*s.Seconds, 1e3*s.Low, 1e3*s.High)
}
