package weights

import (
	"fmt"
	"slices"
	"strings"

	"espalier/internal/plural"
)

// tidy turns the tensors of a file into those of a network: it skips counters
// and empty tensors, removes wrappers from names, and applies masks. Notes say
// what it did. Tensors under "velocity." and "mask.", which belong to training,
// stay as they are.
func tidy(tensors []Tensor, own bool) (tidied []Tensor, notes []string, err error) {
	tensors, notes = skipCounters(tensors)
	if !own {
		var more []string
		tensors, more = unwrap(tensors)
		notes = append(notes, more...)
	}
	tensors, masked, err := applyMasks(tensors)
	if err != nil {
		return nil, nil, err
	}
	if masked > 0 {
		notes = append(notes, fmt.Sprintf("masks of %s are applied and kept", plural.Count(masked, "tensor")))
	}
	for _, t := range tensors {
		if strings.Contains(t.Name, ".parametrizations.") || strings.HasSuffix(t.Name, ".weight_g") || strings.HasSuffix(t.Name, ".weight_v") {
			return nil, nil, fmt.Errorf("tensor %s belongs to a weight that is computed from others, which is %w; before saving call torch.nn.utils.parametrize.remove_parametrizations, or remove_weight_norm", t.Name, ErrUnsupported)
		}
	}
	return tensors, notes, nil
}

// inTraining reports whether a tensor belongs to training.
func inTraining(name string) bool {
	return strings.HasPrefix(name, "velocity.") || strings.HasPrefix(name, "mask.")
}

// skipCounters leaves out counters, such as batch norm's steps or a profiler's
// operations, and tensors without elements. It names all of them except batch
// norm's.
func skipCounters(tensors []Tensor) (kept []Tensor, notes []string) {
	var skipped []string
	for _, t := range tensors {
		switch last := lastPart(t.Name); {
		case last == "num_batches_tracked":
		case isCounter(last, t.Shape, t.DType):
			skipped = append(skipped, t.Name)
		default:
			kept = append(kept, t)
		}
	}
	if len(skipped) > 0 {
		shown := skipped[:min(len(skipped), 3)]
		note := "skipped, since they are no weights: " + strings.Join(shown, ", ")
		if more := len(skipped) - len(shown); more > 0 {
			note += fmt.Sprintf(" and %d more", more)
		}
		notes = append(notes, note)
	}
	return kept, notes
}

func lastPart(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }

// isCounter reports whether a tensor is a counter, by the last part of its
// name, its shape and type.
func isCounter(last string, shape []int, dtype DType) bool {
	elements := 1
	for _, d := range shape {
		elements *= d
	}
	switch last {
	case "n_averaged", "total_ops", "total_params", "num_updates", "__flops__", "__params__":
		return true
	case "weight", "bias", "running_mean", "running_var", "weight_orig", "weight_mask", "bias_orig", "bias_mask":
		return false // of a network: its shape will tell
	}
	return elements == 0 || elements == 1 && !dtype.Float()
}

// wrappers are the names that modules give to the module they wrap: in data
// parallel training, torch.compile, fully sharded training, and activation
// checkpoints.
var wrappers = []string{"module", "_orig_mod", "_fsdp_wrapped_module", "_fpw_module", "_checkpoint_wrapped_module"}

// unwrap removes the prefix that all names share, and wrappers' names anywhere.
func unwrap(tensors []Tensor) (unwrapped []Tensor, notes []string) {
	unwrapped = slices.Clone(tensors)
	var taken []string
	seen := map[string]bool{}
	for i, t := range tensors {
		parts := strings.Split(t.Name, ".")
		kept := parts[:0:0]
		for j, part := range parts {
			if j == len(parts)-1 || !slices.Contains(wrappers, part) {
				kept = append(kept, part)
			} else if !slices.Contains(taken, part+".") {
				taken = append(taken, part+".")
			}
		}
		name := strings.Join(kept, ".")
		if seen[name] {
			return tensors, nil // these were no wrappers; the names will tell
		}
		seen[name] = true
		unwrapped[i].Name = name
	}
	var weights []string
	for _, t := range unwrapped {
		if !inTraining(t.Name) {
			weights = append(weights, t.Name)
		}
	}
	if prefix := sharedPrefix(weights); prefix != "" {
		for i, t := range unwrapped {
			unwrapped[i].Name = strings.TrimPrefix(t.Name, prefix)
		}
		taken = append(taken, prefix)
	}
	if len(taken) > 0 {
		notes = append(notes, fmt.Sprintf("taken off the tensors' names: %s", strings.Join(taken, " and ")))
	}
	return unwrapped, notes
}

// sharedPrefix returns the longest prefix of whole parts, each with its dot, that
// all names share.
func sharedPrefix(names []string) string {
	if len(names) == 0 {
		return ""
	}
	prefix := names[0][:strings.LastIndexByte(names[0], '.')+1]
	for _, name := range names[1:] {
		for !strings.HasPrefix(name, prefix) {
			prefix = prefix[:strings.LastIndexByte(prefix[:len(prefix)-1], '.')+1]
		}
	}
	return prefix
}

// applyMasks replaces the pairs that torch.nn.utils.prune keeps, NAME_orig and
// NAME_mask, by their product NAME. A weight's mask stays, under "mask." and the
// layer's name.
func applyMasks(tensors []Tensor) (applied []Tensor, masked int, err error) {
	masks := map[string]Tensor{}
	origins := map[string]bool{}
	for _, t := range tensors {
		if name, ok := strings.CutSuffix(t.Name, "_mask"); ok {
			masks[name] = t
		}
		if name, ok := strings.CutSuffix(t.Name, "_orig"); ok {
			origins[name] = true
		}
	}
	var kept []Tensor
	for _, t := range tensors {
		if name, ok := strings.CutSuffix(t.Name, "_mask"); ok && origins[name] {
			continue
		}
		name, ok := strings.CutSuffix(t.Name, "_orig")
		if !ok {
			applied = append(applied, t)
			continue
		}
		mask, ok := masks[name]
		if !ok {
			return nil, 0, fmt.Errorf("tensor %s has no %s_mask; the file is not complete, save it again", t.Name, name)
		}
		values, err := t.Float32s()
		if err != nil {
			return nil, 0, err
		}
		factors, err := mask.numbers()
		if err != nil {
			return nil, 0, err
		}
		if !slices.Equal(t.Shape, mask.Shape) {
			return nil, 0, fmt.Errorf("tensor %s has shape %v and its mask %v", t.Name, t.Shape, mask.Shape)
		}
		keep := make([]float32, len(factors))
		for i, f := range factors {
			values[i] *= f
			if f != 0 {
				keep[i] = 1
			}
		}
		masked++
		applied = append(applied, Float32(name, t.Shape, values))
		if layer, ok := strings.CutSuffix(name, ".weight"); ok {
			kept = append(kept, Float32("mask."+layer, t.Shape, keep))
		}
	}
	return append(applied, kept...), masked, nil
}

// numbers returns the elements as float32, also those of an integer or boolean
// mask.
func (t Tensor) numbers() ([]float32, error) {
	switch t.DType {
	case Bool, U8, I8:
		out := make([]float32, len(t.Data))
		for i, b := range t.Data {
			out[i] = float32(int8(b))
			if t.DType != I8 {
				out[i] = float32(b)
			}
		}
		return out, nil
	case I16, I32, I64:
		size := t.DType.Size()
		out := make([]float32, len(t.Data)/size)
		for i := range out {
			// A mask holds 0 and 1, so its lowest byte is enough.
			out[i] = float32(t.Data[i*size])
		}
		return out, nil
	}
	return t.Float32s()
}
