package weights

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// A storage is a run of elements of one type that tensors look into.
type storage struct {
	key   string
	dtype DType
	count int64
	data  []byte // count elements; nil until the file's storages are read

	// A legacy file may keep only a part of another storage.
	root  *storage // nil for a storage of its own
	first int64    // element of root that this one begins with
}

// bytes returns the storage's elements.
func (s *storage) bytes() ([]byte, error) {
	if s.root == nil {
		if s.data == nil && s.count > 0 {
			return nil, fmt.Errorf("storage %s has no data; the file is truncated", s.key)
		}
		return s.data, nil
	}
	data, err := s.root.bytes()
	if err != nil {
		return nil, err
	}
	size := int64(s.dtype.Size())
	return data[s.first*size : (s.first+s.count)*size], nil
}

// A view is a tensor: element (i, j, …) is the storage's element offset +
// i·stride[0] + j·stride[1] + …
type view struct {
	storage *storage
	offset  int64
	shape   []int
	stride  []int64
}

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
var torchGlobals = map[global]func(tuple) (any, error){
	"collections OrderedDict":         orderedDict,
	"torch._utils _rebuild_tensor":    rebuildTensor,
	"torch._utils _rebuild_tensor_v2": rebuildTensor,
	"torch._utils _rebuild_parameter": rebuildParameter,
	"torch Size":                      nil,
	"torch device":                    nil,
	"numpy dtype":                     nil,
	"numpy.core.multiarray scalar":    nil,
	"numpy._core.multiarray scalar":   nil,
	"_codecs encode":                  nil,
}

// known refuses a global that is on neither list.
func known(g global) error {
	if _, ok := torchStorages[g]; ok {
		return nil
	}
	if _, ok := torchGlobals[g]; ok {
		return nil
	}
	name := strings.Replace(string(g), " ", ".", 1)
	if strings.Contains(name, "_rebuild_qtensor") || strings.HasPrefix(name, "torch.Q") {
		return fmt.Errorf("%s: quantized PyTorch tensors are %w; save the network in floating point", name, ErrUnsupported)
	}
	return fmt.Errorf("%s is %w: nothing but tensors, numbers, strings, lists and dicts is read; save the state dict alone with torch.save(model.state_dict(), FILE)", name, ErrUnsupported)
}

// call does what a global does with arguments.
func call(g global, args tuple) (any, error) {
	f, ok := torchGlobals[g]
	switch {
	case !ok:
		return nil, fmt.Errorf("%s is called; the file is damaged", g)
	case f == nil:
		return instance{g}, nil
	}
	v, err := f(args)
	if err != nil {
		_, name, _ := strings.Cut(string(g), " ")
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return v, nil
}

// orderedDict takes nothing, or a list of keys with values.
func orderedDict(args tuple) (any, error) {
	d := &dict{}
	if len(args) == 0 {
		return d, nil
	}
	items, ok := args[0].(*list)
	if !ok || len(args) > 1 {
		return nil, fmt.Errorf("%d arguments, the first %s: want a list of keys and values", len(args), typeName(args[0]))
	}
	for _, item := range items.items {
		var kv []any
		switch item := item.(type) {
		case tuple:
			kv = item
		case *list:
			kv = item.items
		}
		if len(kv) != 2 {
			return nil, fmt.Errorf("an item is %s: want a key and a value", typeName(item))
		}
		d.pairs = append(d.pairs, pair{kv[0], kv[1]})
	}
	return d, nil
}

// rebuildTensor takes (storage, offset, shape, stride); what _v2 adds to them
// concerns gradients.
func rebuildTensor(args tuple) (any, error) {
	if len(args) < 4 {
		return nil, fmt.Errorf("%d arguments: want storage, offset, shape and stride", len(args))
	}
	s, ok1 := args[0].(*storage)
	offset, ok2 := args[1].(int64)
	shape, ok3 := integers(args[2])
	stride, ok4 := integers(args[3])
	if !ok1 || !ok2 || !ok3 || !ok4 || len(shape) != len(stride) {
		return nil, fmt.Errorf("arguments are %s, %s, %s and %s: want a storage, an int and two tuples of as many ints",
			typeName(args[0]), typeName(args[1]), typeName(args[2]), typeName(args[3]))
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
func rebuildParameter(args tuple) (any, error) {
	if len(args) == 0 {
		return nil, fmt.Errorf("no arguments: want a tensor")
	}
	v, ok := args[0].(*view)
	if !ok {
		return nil, fmt.Errorf("the first argument is %s: want a tensor", typeName(args[0]))
	}
	return v, nil
}

func integers(v any) ([]int64, bool) {
	t, ok := v.(tuple)
	if !ok {
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

// check wants every element of the tensor inside its storage.
func (v *view) check() error {
	if _, err := byteSize(v.shape, v.storage.dtype.Size(), maxFile); err != nil {
		return err
	}
	outside := fmt.Errorf("offset %d, shape %v and stride %v reach outside storage %s of %d elements; the file is damaged",
		v.offset, v.shape, v.stride, v.storage.key, v.storage.count)
	if v.offset < 0 || v.offset > v.storage.count {
		return outside
	}
	if slices.Contains(v.shape, 0) {
		return nil
	}
	last := v.offset // the furthest element
	for i, d := range v.shape {
		// Less than 2³¹ times at most 2³⁰, added to a position inside the
		// storage: no overflow.
		if v.stride[i] < 0 || v.stride[i] > maxFile {
			return outside
		}
		if last += int64(d-1) * v.stride[i]; last >= v.storage.count {
			return outside
		}
	}
	if last >= v.storage.count { // a scalar just behind the end
		return outside
	}
	return nil
}

// contiguous reports whether elements lie in the storage as in a row-major
// array.
func (v *view) contiguous() bool {
	next := int64(1)
	for i := len(v.shape) - 1; i >= 0; i-- {
		if v.shape[i] != 1 && v.stride[i] != next {
			return false
		}
		next *= int64(v.shape[i])
	}
	return true
}

// bytes returns the tensor's elements in row-major order. A contiguous tensor
// shares its storage; another is copied, which budget pays for.
func (v *view) bytes(budget *int64) ([]byte, error) {
	data, err := v.storage.bytes()
	if err != nil {
		return nil, err
	}
	elem := v.storage.dtype.Size()
	size, err := byteSize(v.shape, elem, maxFile)
	if err != nil || size == 0 {
		return nil, err
	}
	start := v.offset * int64(elem)
	if v.contiguous() {
		return data[start : start+size : start+size], nil
	}
	if *budget -= size; *budget < 0 {
		return nil, fmt.Errorf("shape %v: the tensors that are not contiguous take more memory than a file of this size may ask for; save them with .contiguous()", v.shape)
	}
	out := make([]byte, 0, size)
	at := make([]int, len(v.shape))
	for int64(len(out)) < size {
		from := v.offset
		for i, x := range at {
			from += int64(x) * v.stride[i]
		}
		out = append(out, data[from*int64(elem):(from+1)*int64(elem)]...)
		for i := len(at) - 1; i >= 0; i-- { // count up in mixed radix, the last dimension fastest
			if at[i]++; at[i] < v.shape[i] {
				break
			}
			at[i] = 0
		}
	}
	return out, nil
}
