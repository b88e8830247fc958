package onnx

import (
	"errors"
	"fmt"
	"slices"
)

// axesOf returns the axes that a node names as an input, since operator set 13
// or 18, or as an attribute. A nil result means none are named.
func axesOf(n *node, in []*array, k int) ([]int64, error) {
	if len(in) > k && in[k] != nil {
		if in[k].i == nil || len(in[k].i) > maxRank {
			return nil, errors.New("axes are not whole numbers; the file is damaged")
		}
		return in[k].i, nil
	}
	return n.ints("axes"), nil
}

// unsqueezed inserts dimensions of 1.
func unsqueezed(dims []int, axes []int64) ([]int, error) {
	rank := len(dims) + len(axes)
	one := make([]bool, rank)
	for _, k := range axes {
		a, err := axis(k, rank)
		if err != nil {
			return nil, err
		}
		if one[a] {
			return nil, fmt.Errorf("axis %d is named twice; the file is damaged", a)
		}
		one[a] = true
	}
	var all []int
	for _, isOne := range one {
		if isOne {
			all = append(all, 1)
		} else {
			all, dims = append(all, dims[0]), dims[1:]
		}
	}
	return all, nil
}

// squeezed drops dimensions of 1: those named, or all.
func squeezed(dims []int, axes []int64) ([]int, error) {
	drop := make([]bool, len(dims))
	for _, k := range axes {
		a, err := axis(k, len(dims))
		if err != nil {
			return nil, err
		}
		if dims[a] != 1 {
			return nil, fmt.Errorf("axis %d has %d elements and cannot be dropped; the file is damaged", a, dims[a])
		}
		drop[a] = true
	}
	all := []int{}
	for k, d := range dims {
		if !drop[k] && (len(axes) > 0 || d != 1) {
			all = append(all, d)
		}
	}
	return all, nil
}

// with returns the elements under other dimensions of as many elements.
func (a *array) with(dims []int) (*array, error) {
	count, err := elements(dims)
	if err != nil {
		return nil, err
	}
	if count != a.len() {
		return nil, fmt.Errorf("%d elements do not have shape %v; the file is damaged", a.len(), dims)
	}
	return &array{dims: dims, f: a.f, i: a.i}, nil
}

func foldUnsqueeze(n *node, in []*array) (*array, error) {
	x, err := need(in, 1, 0)
	if err != nil {
		return nil, err
	}
	axes, err := axesOf(n, in, 1)
	if err != nil {
		return nil, err
	}
	dims, err := unsqueezed(x.dims, axes)
	if err != nil {
		return nil, err
	}
	return x.with(dims)
}

func foldSqueeze(n *node, in []*array) (*array, error) {
	x, err := need(in, 1, 0)
	if err != nil {
		return nil, err
	}
	axes, err := axesOf(n, in, 1)
	if err != nil {
		return nil, err
	}
	dims, err := squeezed(x.dims, axes)
	if err != nil {
		return nil, err
	}
	return x.with(dims)
}

func foldConcat(n *node, in []*array) (*array, error) {
	x, err := need(in, 1, 0)
	if err != nil {
		return nil, err
	}
	a, err := axis(n.int("axis", 0), len(x.dims))
	if err != nil {
		return nil, err
	}
	dims := slices.Clone(x.dims)
	dims[a] = 0
	for _, y := range in {
		if y == nil || len(y.dims) != len(x.dims) || (y.f == nil) != (x.f == nil) {
			return nil, errors.New("inputs do not fit together; the file is damaged")
		}
		for k, d := range y.dims {
			if k != a && d != x.dims[k] {
				return nil, errors.New("inputs do not fit together; the file is damaged")
			}
		}
		dims[a] += y.dims[a]
	}
	count, err := elements(dims)
	if err != nil {
		return nil, err
	}
	all := &array{dims: dims}
	if x.f != nil {
		all.f = []float32{}
	} else {
		all.i = []int64{}
	}
	if count == 0 {
		return all, nil
	}
	inner := product(dims[a+1:])
	for outer := range product(dims[:a]) {
		for _, y := range in {
			size := y.dims[a] * inner
			if x.f != nil {
				all.f = append(all.f, y.f[outer*size:(outer+1)*size]...)
			} else {
				all.i = append(all.i, y.i[outer*size:(outer+1)*size]...)
			}
		}
	}
	return all, nil
}

func foldReshape(n *node, in []*array) (*array, error) {
	if len(in) < 2 || in[0] == nil || in[1] == nil {
		return nil, errInputs
	}
	x := in[0]
	dims := make([]int, 0, maxRank)
	infer, known := -1, 1
	for k, d := range in[1].i {
		switch {
		case d == batchSize:
			return nil, errBatch
		case k >= maxRank || d < -1 || d > maxElements:
			return nil, fmt.Errorf("a shape of %d dimensions, one of them %d; the file is damaged", len(in[1].i), d)
		case d == -1 && infer < 0:
			infer, d = k, 1
		case d == 0 && n.int("allowzero", 0) == 0 && k < len(x.dims):
			d = int64(x.dims[k])
		}
		dims = append(dims, int(d))
	}
	var err error
	if known, err = elements(dims); err != nil {
		return nil, err
	}
	if infer >= 0 {
		if known == 0 || x.len()%known != 0 {
			return nil, fmt.Errorf("%d elements do not have shape %v; the file is damaged", x.len(), dims)
		}
		dims[infer] = x.len() / known
	}
	return x.with(dims)
}

func foldFlatten(n *node, in []*array) (*array, error) {
	x, err := need(in, 1, 0)
	if err != nil {
		return nil, err
	}
	a := n.int("axis", 1)
	if a < 0 {
		a += int64(len(x.dims))
	}
	if a < 0 || a > int64(len(x.dims)) {
		return nil, fmt.Errorf("axis %d of %d dimensions; the file is damaged", a, len(x.dims))
	}
	return x.with([]int{product(x.dims[:a]), product(x.dims[a:])})
}

// permutation returns a Transpose's order of axes: reversed if none is given.
func permutation(n *node, rank int) ([]int, error) {
	perm := make([]int, rank)
	given := n.ints("perm")
	if given == nil {
		for k := range perm {
			perm[k] = rank - 1 - k
		}
		return perm, nil
	}
	seen := make([]bool, rank)
	if len(given) != rank {
		return nil, fmt.Errorf("perm %v of %d dimensions; the file is damaged", given, rank)
	}
	for k, p := range given {
		if p < 0 || p >= int64(rank) || seen[p] {
			return nil, fmt.Errorf("perm %v of %d dimensions; the file is damaged", given, rank)
		}
		perm[k], seen[p] = int(p), true
	}
	return perm, nil
}

func foldTranspose(n *node, in []*array) (*array, error) {
	x, err := need(in, 1, 0)
	if err != nil {
		return nil, err
	}
	perm, err := permutation(n, len(x.dims))
	if err != nil {
		return nil, err
	}
	dims, steps := make([]int, len(perm)), make([]int, len(perm))
	for k, p := range perm {
		dims[k], steps[k] = x.dims[p], product(x.dims[p+1:])
	}
	return x.take(dims, func(k int) int {
		at := 0
		for a := len(dims) - 1; a >= 0; a-- {
			at += k % dims[a] * steps[a]
			k /= dims[a]
		}
		return at
	})
}
