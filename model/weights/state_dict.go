package weights

import "errors"

// ErrOwnGraph is wrapped by errors about a graph for a file that has its own.
var ErrOwnGraph = errors.New("the file says itself which network it holds: leave out the graph")

// StateDict returns the floating-point tensors of a file that does not say which
// network they belong to, by name, and masks by their layer's name. Names lose
// what wrappers put into them, and masks are applied, as in Network; notes say so.
func (f *File) StateDict() (values, masks map[string]Tensor, notes []string, err error) {
	for _, key := range []string{metaArch, MetaGraph, MetaQuantization} {
		if _, ok := f.Metadata[key]; ok {
			return nil, nil, nil, ErrOwnGraph
		}
	}
	tensors, notes, err := tidy(f.Tensors, false)
	if err != nil {
		return nil, nil, nil, err
	}
	if values, masks, err = split(tensors); err != nil {
		return nil, nil, nil, err
	}
	for name, t := range values {
		if !t.DType.Float() {
			delete(values, name) // an index or a counter
		}
	}
	return values, masks, append(f.Notes, notes...), nil
}
