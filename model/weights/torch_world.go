package weights

import (
	"fmt"
	"math"
	"strings"

	"espalier/internal/pickle"
)

// maxPickle is the most bytes of one pickle. A checkpoint of ResNet-56 with its
// optimiser's state has 60 kB.
const maxPickle = 16 << 20

// maxCopied is the most items that calls may copy, over all calls of a file:
// calls can be repeated at little cost.
const maxCopied = 1 << 20

// A torchWorld is what the names in a checkpoint's pickles stand for: a closed
// list of types and functions.
type torchWorld struct {
	storages map[string]*storage // by key
	views    bool                // whether persistent ids have the legacy format's sixth part
	copied   int                 // items of calls so far
}

var _ pickle.World = (*torchWorld)(nil)

// A global is "module name", as torchGlobals spells it.
type global string

func (g global) String() string { return string(g) }

// An instance is of a class that does not matter here.
type instance struct{ class global }

func (i instance) String() string { return "a " + string(i.class) }

// torchStorages are the classes that name an element type.
var torchStorages = map[global]DType{
	"torch DoubleStorage":   F64,
	"torch FloatStorage":    F32,
	"torch HalfStorage":     F16,
	"torch BFloat16Storage": BF16,
	"torch LongStorage":     I64,
	"torch IntStorage":      I32,
	"torch ShortStorage":    I16,
	"torch CharStorage":     I8,
	"torch ByteStorage":     U8,
	"torch BoolStorage":     Bool,
}

// torchGlobals is every other global that a pickle may name, with what calling
// it makes. Those that make an instance occur beside the weights in
// checkpoints, and their value does not matter.
var torchGlobals = map[global]func(*torchWorld, pickle.Tuple) (any, error){
	"collections OrderedDict":         (*torchWorld).orderedDict,
	"torch._utils _rebuild_tensor":    (*torchWorld).rebuildTensor,
	"torch._utils _rebuild_tensor_v2": (*torchWorld).rebuildTensor,
	"torch._utils _rebuild_parameter": (*torchWorld).rebuildParameter,
	"torch Size":                      nil,
	"torch device":                    nil,
	"numpy dtype":                     nil,
	"numpy.core.multiarray scalar":    nil,
	"numpy._core.multiarray scalar":   nil,
	"_codecs encode":                  nil,
}

// Global refuses what is on neither list.
func (*torchWorld) Global(module, class string) (any, error) {
	g := global(module + " " + class)
	if _, ok := torchStorages[g]; ok {
		return g, nil
	}
	if _, ok := torchGlobals[g]; ok {
		return g, nil
	}
	name := module + "." + class
	if strings.Contains(name, "_rebuild_qtensor") || strings.HasPrefix(name, "torch.Q") {
		return nil, fmt.Errorf("%s: quantized PyTorch tensors are %w; save the network in floating point", name, ErrUnsupported)
	}
	return nil, fmt.Errorf("%s is %w: nothing but tensors, numbers, strings, lists and dicts is read; save the state dict alone with torch.save(model.state_dict(), FILE)", name, ErrUnsupported)
}

// Call does what a global does with arguments.
func (w *torchWorld) Call(function any, args pickle.Tuple) (any, error) {
	g, _ := function.(global)
	f, ok := torchGlobals[g]
	switch {
	case !ok:
		return nil, fmt.Errorf("%s is called; the file is damaged", pickle.TypeName(function))
	case f == nil:
		return instance{g}, nil
	}
	v, err := f(w, args)
	if err != nil {
		_, name, _ := strings.Cut(string(g), " ")
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return v, nil
}

// Build drops attributes: an OrderedDict's _metadata, say. Nothing here needs
// them.
func (*torchWorld) Build(object, _ any) error {
	switch object.(type) {
	case *pickle.Dict, instance:
		return nil
	}
	return fmt.Errorf("attributes are set on %s; the file is damaged", pickle.TypeName(object))
}

// orderedDict takes nothing, or a list of keys with values.
func (w *torchWorld) orderedDict(args pickle.Tuple) (any, error) {
	d := &pickle.Dict{}
	if len(args) == 0 {
		return d, nil
	}
	items, ok := args[0].(*pickle.List)
	if !ok || len(args) > 1 {
		return nil, fmt.Errorf("%d arguments, the first %s: want a list of keys and values", len(args), pickle.TypeName(args[0]))
	}
	if w.copied += len(items.Items); w.copied > maxCopied {
		return nil, fmt.Errorf("more than %d items; save only the state dict: torch.save(model.state_dict(), FILE)", maxCopied)
	}
	for _, item := range items.Items {
		var kv []any
		switch item := item.(type) {
		case pickle.Tuple:
			kv = item
		case *pickle.List:
			kv = item.Items
		}
		if len(kv) != 2 {
			return nil, fmt.Errorf("an item is %s: want a key and a value", pickle.TypeName(item))
		}
		d.Pairs = append(d.Pairs, pickle.Pair{Key: kv[0], Value: kv[1]})
	}
	return d, nil
}

// rebuildTensor takes (storage, offset, shape, stride); what _v2 adds to them
// concerns gradients.
func (*torchWorld) rebuildTensor(args pickle.Tuple) (any, error) {
	if len(args) < 4 {
		return nil, fmt.Errorf("%d arguments: want storage, offset, shape and stride", len(args))
	}
	s, ok1 := args[0].(*storage)
	offset, ok2 := args[1].(int64)
	shape, ok3 := integers(args[2])
	stride, ok4 := integers(args[3])
	if !ok1 || !ok2 || !ok3 || !ok4 || len(shape) != len(stride) {
		return nil, fmt.Errorf("arguments are %s, %s, %s and %s: want a storage, an int and two tuples of as many ints, %d at most",
			pickle.TypeName(args[0]), pickle.TypeName(args[1]), pickle.TypeName(args[2]), pickle.TypeName(args[3]), maxDims)
	}
	v := &view{storage: s, offset: offset, stride: stride}
	for _, d := range shape {
		if d > math.MaxInt32 {
			return nil, fmt.Errorf("shape %v is larger than any tensor that is read", shape)
		}
		v.shape = append(v.shape, int(d))
	}
	return v, v.check()
}

// rebuildParameter takes (tensor, requires_grad, hooks).
func (*torchWorld) rebuildParameter(args pickle.Tuple) (any, error) {
	if len(args) == 0 {
		return nil, fmt.Errorf("no arguments: want a tensor")
	}
	v, ok := args[0].(*view)
	if !ok {
		return nil, fmt.Errorf("the first argument is %s: want a tensor", pickle.TypeName(args[0]))
	}
	return v, nil
}

func integers(v any) ([]int64, bool) {
	t, ok := v.(pickle.Tuple)
	if !ok || len(t) > maxDims {
		return nil, false
	}
	ints := make([]int64, len(t))
	for i := range t {
		if ints[i], ok = t[i].(int64); !ok {
			return nil, false
		}
	}
	return ints, true
}

// Persistent understands ("storage", class, key, device, count), to which a
// legacy file adds None or (view's key, first element, count).
func (w *torchWorld) Persistent(id any) (any, error) {
	t, ok := id.(pickle.Tuple)
	if !ok || len(t) < 5 || t[0] != any("storage") {
		return nil, fmt.Errorf("a persistent id that is no storage is %w; save the state dict alone with torch.save(model.state_dict(), FILE)", ErrUnsupported)
	}
	class, ok1 := t[1].(global)
	dtype, ok2 := torchStorages[class]
	key, ok3 := t[2].(string)
	count, ok4 := t[4].(int64)
	if !ok1 || !ok2 || !ok3 || !ok4 || count < 0 || count > maxFile/int64(dtype.Size()) {
		return nil, fmt.Errorf("a storage is described by %s, %s and %s; the file is damaged", pickle.TypeName(t[1]), pickle.TypeName(t[2]), pickle.TypeName(t[4]))
	}
	s, ok := w.storages[key]
	if !ok {
		s = &storage{key: key, dtype: dtype, count: count}
		w.storages[key] = s
	}
	if s.dtype != dtype || s.count != count {
		return nil, fmt.Errorf("storage %s is described as %d %s and as %d %s; the file is damaged", key, s.count, s.dtype, count, dtype)
	}
	if !w.views || len(t) < 6 || t[5] == any(pickle.None{}) {
		return s, nil
	}
	part, ok := t[5].(pickle.Tuple)
	if !ok || len(part) != 3 {
		return nil, fmt.Errorf("storage %s: a part of it is described by %s; the file is damaged", key, pickle.TypeName(t[5]))
	}
	first, ok1 := part[1].(int64)
	size, ok2 := part[2].(int64)
	if !ok1 || !ok2 || first < 0 || size < 0 || first > count || size > count-first {
		return nil, fmt.Errorf("storage %s: a part reaches outside its %d elements; the file is damaged", key, count)
	}
	return &storage{key: key, dtype: dtype, count: size, root: s, first: first}, nil
}
