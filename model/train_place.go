package model

import (
	"slices"

	"espalier/model/kernel"
)

// The third pass: place. Buffers for maps of one height and width lie in one
// space. A buffer that several regions need holds the whole batch; the others
// hold a group of images for each worker. Two buffers overlap only if they are
// never needed at the same time.

// place gives every buffer its memory, for batches of at most batch images.
func (p *trainPlan) place(batch int) {
	for i := range p.buffers {
		b := p.buffers[i]
		b.space = p.spaceOf(b)
	}
	for i := range p.spaces {
		space := &p.spaces[i]
		var shared []*trainBuffer
		for _, b := range p.buffers {
			if b.space == i && !b.local() {
				shared = append(shared, b)
			}
		}
		space.batch = batch * arrange(shared, 1, func(a, b *trainBuffer) bool { return a.from <= b.to && b.from <= a.to })
		space.whole = kernel.Floats(space.batch)
		for _, b := range shared {
			b.batch = space.whole[batch*b.at:][:batch*b.size]
		}
		for r, region := range p.regions {
			var own []*trainBuffer
			for _, b := range p.buffers {
				if b.space == i && b.local() && b.from == r {
					own = append(own, b)
				}
			}
			space.group = max(space.group, arrange(own, region.group, func(a, b *trainBuffer) bool { return a.begin <= b.end && b.begin <= a.end }))
		}
	}
}

// spaceOf returns the number of the space for maps like b's.
func (p *trainPlan) spaceOf(b *trainBuffer) int {
	for i, s := range p.spaces {
		if s.h == b.m.H && s.w == b.m.W && s.image == b.image {
			return i
		}
	}
	p.spaces = append(p.spaces, mapSpace{h: b.m.H, w: b.m.W, image: b.image})
	return len(p.spaces) - 1
}

// arrange gives each buffer a place for so many images, the large ones first.
// Each gets the first place where it overlaps no buffer that is needed at the
// same time. arrange returns the floats that all take together.
func arrange(buffers []*trainBuffer, images int, together func(a, b *trainBuffer) bool) int {
	var placed []*trainBuffer
	total := 0
	bySize := slices.Clone(buffers)
	slices.SortStableFunc(bySize, func(a, b *trainBuffer) int { return b.size - a.size })
	for _, b := range bySize {
		b.at = 0
		for moved := true; moved; {
			moved = false
			for _, o := range placed {
				if together(b, o) && b.at < o.at+images*o.size && o.at < b.at+images*b.size {
					b.at, moved = o.at+images*o.size, true
				}
			}
		}
		placed = append(placed, b)
		total = max(total, b.at+images*b.size)
	}
	return total
}
