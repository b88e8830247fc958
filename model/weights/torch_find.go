package weights

import (
	"fmt"
	"maps"
	"strconv"
	"strings"

	"espalier/internal/numpy"
	"espalier/internal/pickle"
)

// maxNesting is how deep a state dict may lie.
const maxNesting = 16

// Limits of findStates: tensors, and bytes of their names. A file may contain
// the same module many times.
const (
	maxEntries = 1 << 15
	maxNames   = 2 << 20
)

// A spot is a dict, a list or an object on the path to a state dict.
type spot struct {
	path    string
	parent  *spot
	scalars map[string]string // the numbers and short strings that it holds
}

// metadata returns the numbers and short strings on the path to a spot.
func (p *spot) metadata() map[string]string {
	m := map[string]string{}
	if p == nil {
		return m
	}
	m = p.parent.metadata()
	maps.Copy(m, p.scalars)
	return m
}

// A finder looks for state dicts in what a pickle holds.
type finder struct {
	found          []state
	seen           map[any]bool // dicts, lists and objects that were looked into
	entries, names int
}

// findStates returns every dict of tensors, and the state of every whole module,
// in what was saved. An optimizer's tensors are left out.
func findStates(root any) ([]state, error) {
	f := &finder{seen: map[any]bool{}}
	if err := f.look(root, "", nil, 0); err != nil {
		return nil, err
	}
	return f.found, nil
}

// look looks into a value.
func (f *finder) look(v any, path string, parent *spot, depth int) error {
	if depth > maxNesting || !f.first(v) {
		return nil
	}
	p := &spot{path: path, parent: parent}
	switch v := v.(type) {
	case *pickle.Dict:
		return f.pairs(v.Pairs, p, depth)
	case *pickle.List:
		return f.items(v.Items, p, depth)
	case pickle.Tuple:
		return f.items(v, p, depth)
	case *pickle.Set:
		return f.items(v.Items, p, depth)
	case *pickle.Object:
		if isModule(v) {
			s := state{path: path, place: parent}
			if err := f.module(v, "", &s, 0); err != nil {
				return err
			}
			f.found = append(f.found, s)
			return nil
		}
		for _, pairs := range [][]pickle.Pair{v.Pairs, attributes(v)} {
			if err := f.pairs(pairs, p, depth); err != nil {
				return err
			}
		}
		if err := f.items(v.Items, p, depth); err != nil {
			return err
		}
		return f.items(v.Args, p, depth)
	}
	return nil
}

// first reports whether a container is visited for the first time.
func (f *finder) first(v any) bool {
	key := v
	switch v := v.(type) {
	case pickle.Tuple:
		if len(v) == 0 {
			return false
		}
		key = &v[0]
	case *pickle.Dict, *pickle.List, *pickle.Set, *pickle.Object:
	default:
		return false
	}
	if f.seen[key] {
		return false
	}
	f.seen[key] = true
	return true
}

// items looks into the values of a list.
func (f *finder) items(items []any, p *spot, depth int) error {
	for i, v := range items {
		switch v.(type) {
		case pickle.Tuple, *pickle.Dict, *pickle.List, *pickle.Set, *pickle.Object:
			if err := f.look(v, below(p.path, strconv.Itoa(i)), p, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// pairs takes the tensors of a dict and looks into its other values.
func (f *finder) pairs(pairs []pickle.Pair, p *spot, depth int) error {
	if isOptimizer(pairs) {
		return nil
	}
	s := state{path: p.path, place: p}
	for _, pair := range pairs {
		key, isText := pickle.Text(pair.Key)
		if number, ok := pair.Key.(int64); ok {
			key = strconv.FormatInt(number, 10)
		}
		switch v := pair.Value.(type) {
		case *view, *numpy.Array:
			if isText {
				if err := f.entry(&s, key, v); err != nil {
					return err
				}
			}
		case pickle.Tuple, *pickle.Dict, *pickle.List, *pickle.Set, *pickle.Object:
			if err := f.look(v, below(p.path, key), p, depth+1); err != nil {
				return err
			}
		default:
			if text, ok := scalar(v); ok && isText && !ownKey(key) {
				if p.scalars == nil {
					p.scalars = map[string]string{}
				}
				p.scalars[key] = text
			}
		}
	}
	if len(s.entries) > 0 {
		f.found = append(f.found, s)
	}
	return nil
}

// entry adds a tensor to a state. An array of other things than numbers, and a
// single number, do not count.
func (f *finder) entry(s *state, name string, v any) error {
	e := entry{name: name, value: v}
	switch v := v.(type) {
	case *view:
		if v.problem == nil {
			e.dtype, e.shape = v.storage.dtype, v.shape
		}
	case *numpy.Array:
		dtype, ok := arrayTypes[v.Type.String()]
		if !ok || v.Data == nil || len(v.Shape) == 0 {
			return nil
		}
		e.dtype, e.shape = dtype, v.Shape
	}
	f.entries++
	f.names += len(name)
	if f.entries > maxEntries || f.names > maxNames {
		return fmt.Errorf("more tensors than are read; save only the state dict: torch.save(model.state_dict(), FILE)")
	}
	s.entries = append(s.entries, e)
	return nil
}

// arrayTypes maps NumPy's names of element types to this package's.
var arrayTypes = map[string]DType{
	"float64": F64, "float32": F32, "float16": F16, "int64": I64, "int32": I32, "int16": I16, "int8": I8, "uint8": U8, "bool": Bool,
}

// module adds the parameters and buffers of a whole module to a state, as its
// state_dict would name them.
func (f *finder) module(o *pickle.Object, prefix string, s *state, depth int) error {
	if depth > maxNesting {
		return fmt.Errorf("modules lie more than %d deep; save the state dict with torch.save(model.state_dict(), FILE)", maxNesting)
	}
	parts := &pickle.Dict{Pairs: attributes(o)}
	passing := map[string]bool{} // non-persistent buffers, which no state dict has
	if v, ok := parts.Get("_non_persistent_buffers_set"); ok {
		if set, ok := v.(*pickle.Set); ok {
			for _, item := range set.Items {
				name, _ := pickle.Text(item)
				passing[name] = true
			}
		}
	}
	for _, kind := range []string{"_parameters", "_buffers", "_modules"} {
		v, _ := parts.Get(kind)
		d, ok := v.(*pickle.Dict)
		if !ok {
			continue
		}
		for _, pair := range d.Pairs {
			name, ok := pickle.Text(pair.Key)
			if !ok || (kind == "_buffers" && passing[name]) {
				continue
			}
			switch v := pair.Value.(type) {
			case *view:
				if err := f.entry(s, prefix+name, v); err != nil {
					return err
				}
			case *pickle.Object:
				if f.entries++; f.entries > maxEntries {
					return fmt.Errorf("more modules than are read; save the state dict with torch.save(model.state_dict(), FILE)")
				}
				if err := f.module(v, prefix+name+".", s, depth+1); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// attributes returns an object's attributes. Those in slots are in a second
// dict.
func attributes(o *pickle.Object) []pickle.Pair {
	switch s := o.State.(type) {
	case *pickle.Dict:
		return s.Pairs
	case pickle.Tuple:
		var all []pickle.Pair
		for _, part := range s {
			if d, ok := part.(*pickle.Dict); ok {
				all = append(all, d.Pairs...)
			}
		}
		return all
	}
	return nil
}

// isModule recognises PyTorch's torch.nn.Module by its attributes.
func isModule(o *pickle.Object) bool {
	d, ok := o.State.(*pickle.Dict)
	if !ok {
		return false
	}
	_, parameters := d.Get("_parameters")
	_, modules := d.Get("_modules")
	return parameters && modules
}

// isOptimizer recognises an optimizer's state, whose tensors are not weights.
func isOptimizer(pairs []pickle.Pair) bool {
	d := &pickle.Dict{Pairs: pairs}
	_, state := d.Get("state")
	_, groups := d.Get("param_groups")
	return state && groups
}

// ownKey reports whether a metadata key has a meaning in this program.
func ownKey(key string) bool {
	switch key {
	case MetaMean, MetaStd, metaArch, MetaDataset, MetaDataSeed, MetaGraph, MetaQuantization:
		return true
	}
	return false
}

// scalar returns a number or a short string as text.
func scalar(v any) (string, bool) {
	switch v := v.(type) {
	case int64:
		return strconv.FormatInt(v, 10), true
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), true
	case bool:
		return strconv.FormatBool(v), true
	case string:
		return v, len(v) <= 1024
	}
	return "", false
}

// below returns the path of name within a spot. Long paths are cut, since they
// are only shown and compared.
func below(path, name string) string {
	if len(name) > 64 {
		name = name[:64]
	}
	name = strings.ToValidUTF8(name, "?")
	if path == "" {
		return name
	}
	return path + "." + name
}
