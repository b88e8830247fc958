package kernel

// A Share is one of Of parts of the work on an image, which several workers do at
// the same time: some blocks of output channels or, where these are too few, some
// rows. Each output is computed as without shares. The zero Share is all of it.
type Share struct{ Part, Of int }

// of returns the share of n things, in multiples of unit but for the last ones.
func (s Share) of(n, unit int) (first, end int) {
	if s.Of < 2 {
		return 0, n
	}
	units := (n + unit - 1) / unit
	return min(n, units*s.Part/s.Of*unit), min(n, units*(s.Part+1)/s.Of*unit)
}

// split returns which blocks and which rows, in multiples of unit, belong to the
// share.
func (s Share) split(blocks, rows, unit int) (b0, b1, r0, r1 int) {
	if blocks >= s.Of {
		b0, b1 = s.of(blocks, 1)
		return b0, b1, 0, rows
	}
	r0, r1 = s.of(rows, unit)
	return 0, blocks, r0, r1
}

// part returns a share of a slide, and the first of its blocks of outputs.
func (s slide) part(share Share) (block int, part slide) {
	b0, b1, r0, r1 := share.split(s.outs, s.rows, 1)
	s.outs, s.rows = b1-b0, r1-r0
	s.dst += b0*s.dstPlane + r0*s.dstRow
	s.src += r0 * s.srcRow
	s.weight += b0 * s.wOut
	if s.blocks == 0 { // depthwise
		s.src += b0 * s.srcPlane
	}
	return b0, s
}

// shared returns the part of a slide that e's share says, and e for it.
func (s slide) shared(e Epilogue) (slide, Epilogue) {
	block, s := s.part(e.Share)
	e = e.from(block)
	e.Share = Share{}
	return s, e
}
