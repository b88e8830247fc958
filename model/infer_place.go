package model

import (
	"slices"

	"espalier/model/kernel"
)

// The second and the third pass: schedule and place.
//
// Steps are cut into segments, mostly runs of one resolution. A segment works on
// a group of images at a time, as many as its convolutions need to be fast. The
// segment before it works on smaller groups. The steps at a segment's entry read
// each of these groups at once, while it is in the cache.

// An inferSegment is a run of steps.
type inferSegment struct {
	entry []*inferStep // read the segment before, image by image
	inner []*inferStep // read this one, a group of images at a time
	group int          // images
	slots []int        // memory: floats of one image, by number
}

// schedule cuts steps into segments. A new one begins wherever values get
// smaller and every later step reads only one of the two segments.
func schedule(steps []*inferStep) []*inferSegment {
	made := map[*inferValue]int{} // by which step
	for i, s := range steps {
		made[s.output] = i
	}
	starts := []int{0}
	for j := 1; j < len(steps); j++ {
		last := starts[len(starts)-1]
		before, after := steps[j-1].output, steps[j].output
		smaller := after.shape.H*after.shape.W < before.shape.H*before.shape.W
		if (smaller || last == 0 && j == 1) && separate(steps, made, last, j) {
			starts = append(starts, j)
		}
	}
	var segments []*inferSegment
	group := 1
	for i, first := range starts {
		end := len(steps)
		if i+1 < len(starts) {
			end = starts[i+1]
		}
		g := &inferSegment{}
		for _, s := range steps[first:end] {
			s.output.segment = g
			if in := s.reads(); i > 0 && made[in[0]] < first {
				g.entry = append(g.entry, s)
			} else {
				g.inner = append(g.inner, s)
				if s.conv != nil {
					group = max(group, s.conv.group)
				}
			}
		}
		g.group = group
		segments = append(segments, g)
	}
	return segments
}

// separate reports whether a segment may begin with step j if the present one
// began with step first.
func separate(steps []*inferStep, made map[*inferValue]int, first, j int) bool {
	for _, s := range steps[j:] {
		old := 0
		reads := s.reads()
		for _, v := range reads {
			if made[v] < first {
				return false
			}
			if made[v] < j {
				old++
			}
		}
		if old != 0 && old != len(reads) {
			return false
		}
	}
	return true
}

// place gives every value a slot of its segment's memory. A slot is used again
// once its value has no more readers, for values of the same height and width,
// since kernels read the border of zeros and never write it. A sum may overwrite
// its summand.
func place(segments []*inferSegment) {
	type kind struct {
		h, w   int
		vector bool
		image  bool
	}
	for _, g := range segments {
		free := map[kind][]int{}
		left := map[*inferValue]int{} // readers still to come
		for _, s := range slices.Concat(g.entry, g.inner) {
			v := s.output
			k := kind{v.m.H, v.m.W, v.vector, v.image}
			left[v] = len(v.readers)
			taken := -1
			release := func(in *inferValue) {
				if in.segment == g {
					if left[in]--; left[in] == 0 {
						of := kind{in.m.H, in.m.W, in.vector, in.image}
						free[of] = append(free[of], in.slot)
					}
				}
			}
			if s.residual != nil { // the kernel reads a summand before it writes the sum there
				release(s.residual)
			}
			if n := len(free[k]); n > 0 {
				taken = free[k][n-1]
				free[k] = free[k][:n-1]
			} else {
				taken = len(g.slots)
				g.slots = append(g.slots, 0)
			}
			for _, in := range s.inputs {
				release(in)
			}
			v.slot = taken
			g.slots[taken] = max(g.slots[taken], v.len())
			if left[v] == 0 && len(v.readers) > 0 {
				free[k] = append(free[k], taken)
			}
		}
	}
}

// len returns the floats of one image's value, on blocks or on planes.
func (v *inferValue) len() int {
	if v.vector {
		return v.stride()
	}
	return max(v.stride(), v.m.Planes().Len())
}

// stride returns the floats between two images' values on blocks.
func (v *inferValue) stride() int {
	switch {
	case v.vector:
		return kernel.Round(v.shape.C)
	case v.image:
		return imageLen(v.m)
	}
	return v.m.Len()
}
