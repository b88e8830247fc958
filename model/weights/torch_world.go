package weights

import (
	"fmt"
	"math"
	"math/big"
	"strings"

	"espalier/internal/numpy"
	"espalier/internal/pickle"
)

// maxPickle is the most bytes of one pickle. A checkpoint of ResNet-56 with its
// optimiser's state has 60 kB.
const maxPickle = 16 << 20

// maxCopied is the most items that calls may copy, over all calls of a file:
// calls can be repeated at little cost.
const maxCopied = 1 << 20

// A torchWorld says what the names in a checkpoint's pickles stand for: a
// closed list of functions makes tensors and NumPy's arrays, and everything
// else becomes an inert object that holds what the file says.
type torchWorld struct {
	numpy    numpy.World
	storages map[string]*storage // by key
	views    bool                // persistent ids have the legacy format's sixth part
	copied   int                 // items of calls so far
	depth    int                 // of calls in calls
}

// newTorchWorld returns the world of a file of so many bytes.
func newTorchWorld(size int) *torchWorld {
	return &torchWorld{storages: map[string]*storage{}, numpy: numpy.World{Budget: size}}
}

// minPickled is a lower bound of a storage's bytes in a pickle, without its
// contents.
const minPickled = 64

var _ pickle.World = (*torchWorld)(nil)

// A global is "module name", as torchGlobals spells it.
type global string

func (g global) String() string { return string(g) }

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

	"torch.storage UntypedStorage": U8,
}

// otherStorages are the element sizes of storages that are not read, in bytes.
// The reader of legacy files must skip them.
var otherStorages = map[global]int64{
	"torch ComplexFloatStorage":  8,
	"torch ComplexDoubleStorage": 16,
	"torch QInt8Storage":         1,
	"torch QUInt8Storage":        1,
	"torch QInt32Storage":        4,
	"torch QUInt4x2Storage":      1,
	"torch QUInt2x4Storage":      1,
}

// torchGlobals are all other globals that have a meaning here.
var torchGlobals = map[global]func(*torchWorld, pickle.Tuple) (any, error){
	"collections OrderedDict":         (*torchWorld).orderedDict,
	"torch._utils _rebuild_tensor":    (*torchWorld).rebuildTensor,
	"torch._utils _rebuild_tensor_v2": (*torchWorld).rebuildTensor,
	"torch._utils _rebuild_parameter": (*torchWorld).rebuildParameter,

	"torch._utils _rebuild_parameter_with_state": (*torchWorld).rebuildParameter,
}

func init() { // which call each other
	torchGlobals["torch._tensor _rebuild_from_type"] = (*torchWorld).rebuildFromType
	torchGlobals["torch._tensor _rebuild_from_type_v2"] = (*torchWorld).rebuildFromType
	torchGlobals["torch.storage _load_from_bytes"] = (*torchWorld).loadFromBytes
}

// Global returns what a name stands for: one of the functions above, one of
// NumPy's, or just the name.
func (w *torchWorld) Global(module, class string) (any, error) {
	if f, ok := w.numpy.Global(module, class); ok {
		return f, nil
	}
	return global(module + " " + class), nil
}

// Call calls one of the known functions. Calling any other global makes an
// inert object.
func (w *torchWorld) Call(function any, args pickle.Tuple) (any, error) {
	if v, known, err := w.numpy.Call(function, args); known {
		return v, err
	}
	g, _ := function.(global)
	if f, ok := torchGlobals[g]; ok {
		v, err := f(w, args)
		if err != nil {
			_, name, _ := strings.Cut(string(g), " ")
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		return v, nil
	}
	switch function.(type) {
	case pickle.None, bool, int64, float64, string, []byte, *big.Int, pickle.Tuple, *pickle.List, *pickle.Dict:
		return nil, fmt.Errorf("%s is called; the file is damaged", pickle.TypeName(function))
	}
	if problem := unreadable(string(g)); problem != nil {
		return &view{problem: problem}, nil
	}
	return &pickle.Object{Class: function, Args: args}, nil
}

// unreadable returns why the tensors that a function makes cannot be read, or
// nil for other functions.
func unreadable(g string) error {
	_, name, _ := strings.Cut(g, " ")
	switch {
	case strings.HasPrefix(g, "torch._utils _rebuild_qtensor"):
		return fmt.Errorf("quantized PyTorch tensors are %w; save the network in floating point", ErrUnsupported)
	case strings.HasPrefix(g, "torch._utils _rebuild_") && strings.Contains(name, "tensor"),
		strings.HasPrefix(g, "torch._utils _rebuild_wrapper_subclass"):
		return fmt.Errorf("a tensor of the kind that %s makes is %w; save it as a plain tensor", name, ErrUnsupported)
	}
	return nil
}

// Build gives an object its attributes. Attributes of dicts and tensors, such
// as an OrderedDict's _metadata, are dropped, since they are not needed.
func (w *torchWorld) Build(object, state any) error {
	if known, err := w.numpy.Build(object, state); known {
		return err
	}
	switch o := object.(type) {
	case *pickle.Object:
		o.State = state
		return nil
	case *pickle.Dict, *pickle.Set, *view, global:
		return nil
	}
	return fmt.Errorf("attributes are set on %s; the file is damaged", pickle.TypeName(object))
}

// rebuildFromType takes (function, class, arguments, attributes) of a tensor
// whose class is another one.
func (w *torchWorld) rebuildFromType(args pickle.Tuple) (any, error) {
	if len(args) < 3 {
		return nil, fmt.Errorf("%d arguments: want a function, a class and arguments", len(args))
	}
	of, ok := args[2].(pickle.Tuple)
	if !ok || w.depth == maxNesting {
		return nil, fmt.Errorf("the arguments are %s; the file is damaged", pickle.TypeName(args[2]))
	}
	w.depth++
	defer func() { w.depth-- }()
	return w.Call(args[0], of)
}

// loadFromBytes reads a storage that Python's own pickle keeps as a whole legacy
// file in bytes.
func (w *torchWorld) loadFromBytes(args pickle.Tuple) (any, error) {
	if len(args) != 1 {
		return nil, fmt.Errorf("%d arguments: want bytes", len(args))
	}
	file, ok := args[0].([]byte)
	if !ok || w.depth > 0 {
		return nil, fmt.Errorf("the argument is %s; the file is damaged", pickle.TypeName(args[0]))
	}
	if w.copied += len(file) / minPickled; w.copied > maxCopied {
		return nil, fmt.Errorf("more storages than a file may have; save the state dict with torch.save(model.state_dict(), FILE)")
	}
	inner := newTorchWorld(len(file))
	inner.views, inner.depth = true, 1
	v, err := readTorchLegacy(file, inner)
	if err != nil {
		return nil, err
	}
	s, ok := v.(*storage)
	if !ok {
		return nil, fmt.Errorf("the bytes hold %s: want a storage", pickle.TypeName(v))
	}
	return s, nil
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
	if s.dtype.Size() == 0 {
		_, class, _ := strings.Cut(string(s.dtype), " ")
		return &view{problem: fmt.Errorf("tensors of type %s are %w; save the network in floating point", class, ErrUnsupported)}, nil
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
// legacy file adds None or (view's key, first element, count), and ("module",
// class, file, source) of a legacy file with a whole network. Other ids become
// inert objects.
func (w *torchWorld) Persistent(id any) (any, error) {
	t, ok := id.(pickle.Tuple)
	if ok && len(t) > 1 && t[0] == any("module") {
		return t[1], nil
	}
	if !ok || len(t) < 5 || t[0] != any("storage") {
		return &pickle.Object{Class: global("persistent id"), Args: pickle.Tuple{id}}, nil
	}
	class, ok1 := t[1].(global)
	key, ok2 := t[2].(string)
	count, ok3 := t[4].(int64)
	dtype, known := torchStorages[class]
	if !known {
		dtype = DType(class) // of no size: its tensors are not read
	}
	if !ok1 || !ok2 || !ok3 || count < 0 || count > maxFile/int64(max(dtype.Size(), 1)) {
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
