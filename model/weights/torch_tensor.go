package weights

import (
	"fmt"
	"slices"
)

// A storage is a run of elements of one type that tensors view.
type storage struct {
	key   string
	dtype DType
	count int64
	data  []byte // count elements; nil until they are read
	// load reads data once a tensor needs them; nil if they are already there.
	load func() ([]byte, error)

	// In a legacy file a storage may be a part of another one.
	root  *storage // nil for a storage of its own
	first int64    // element of root that this one begins with
}

// bytes returns the storage's elements.
func (s *storage) bytes() ([]byte, error) {
	if s.root == nil {
		if s.data == nil && s.load != nil {
			var err error
			if s.data, err = s.load(); err != nil {
				return nil, err
			}
		}
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

func (s *storage) String() string { return "a storage" }

// A view is a tensor: element (i, j, …) is the storage's element offset +
// i·stride[0] + j·stride[1] + …
type view struct {
	storage *storage
	offset  int64
	shape   []int
	stride  []int64
	problem error // why the tensor cannot be read, or nil
}

func (v *view) String() string { return "a tensor" }

// check returns an error if an element of the tensor is outside its storage.
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

// contiguous reports whether the elements are in row-major order without gaps.
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
// shares its storage. Others are copied, within budget.
func (v *view) bytes(budget *int64) ([]byte, error) {
	if v.problem != nil {
		return nil, v.problem
	}
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
