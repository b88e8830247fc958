package kernel

// Transforms of the tiles of a chunk, block by block of channels. Rows [first, end)
// of tiles are counted through all images of a call.

// edgeLen is the floats of a buffer for one tile of inputs.
const edgeLen = 6 * 6 * Lanes

// inputTiles computes V from x.
func (s *Set) inputTiles(p Winograd, v, x []float32, first, end int, edge []float32) {
	p.eachPart(first, end, p.in.C/Lanes, func(at, b, img, row, n int) {
		a := p.tiles(v[b*p.block()+at:], p.in, row, n)
		a.image = x[img*p.in.Len()+b*p.in.Plane()+4*row*p.in.Row():]
		if p.whole() {
			s.winograd.input(a)
			return
		}
		p.eachTile(a, row, func(a winogradTiles, h, w int) {
			if w < 4 || h < 4 { // the map and the border behind it
				tileOf(edge, 6, a.image, a.row, min(h+2, 6), min(w+2, 6))
				a.image, a.row = edge, 6*Lanes
			}
			s.winograd.input(a)
		})
	})
}

// gradientTiles computes E from dy.
func (s *Set) gradientTiles(p Winograd, e, dy []float32, first, end int, edge []float32) {
	p.eachPart(first, end, p.out.C/Lanes, func(at, b, img, row, n int) {
		a := p.tiles(e[b*p.block()+at:], p.out, row, n)
		a.image = dy[img*p.out.Len()+p.out.At(b*Lanes, 4*row, 0):]
		if p.whole() {
			s.winograd.gradient(a)
			return
		}
		p.eachTile(a, row, func(a winogradTiles, h, w int) {
			if w < 4 || h < 4 {
				tileOf(edge, 4, a.image, a.row, min(h, 4), min(w, 4))
				a.image, a.row = edge, 4*Lanes
			}
			s.winograd.gradient(a)
		})
	})
}

// outputTiles computes y's blocks of channels from block to before endBlock from M,
// which begins with the first one's.
func (s *Set) outputTiles(p Winograd, y, m []float32, first, end, block, endBlock int, e Epilogue, edge []float32) {
	p.eachPart(first, end, endBlock-block, func(at, b, img, row, n int) {
		a := p.tiles(m[b*p.block()+at:], p.out, row, n)
		b += block
		pixel := img*p.out.Len() + p.out.At(b*Lanes, 4*row, 0)
		a.image = y[pixel:]
		a.relu = e.ReLU
		if e.Bias != nil {
			a.bias = e.Bias[b*Lanes:][:Lanes]
		}
		if e.Residual != nil {
			a.residual = e.Residual[pixel:]
		}
		if e.Sums != nil {
			a.sums = e.Sums[b*2*Lanes:][:2*Lanes]
		}
		if p.whole() {
			s.winograd.output(a)
			return
		}
		p.eachTile(a, row, func(a winogradTiles, h, w int) {
			if w >= 4 && h >= 4 {
				s.winograd.output(a)
				return
			}
			s.winograd.output(winogradTiles{tiles: a.tiles, plane: a.plane, image: edge, row: 4 * Lanes, rows: 1, cols: 1})
			for i := range min(h, 4) {
				for j := range min(w, 4) {
					a.store(i*a.row+j*Lanes, (*[Lanes]float32)(edge[(4*i+j)*Lanes:]))
				}
			}
		})
	})
}

// whole reports whether maps are a whole number of tiles.
func (p Winograd) whole() bool { return p.in.H%4 == 0 && p.in.W%4 == 0 }

// eachPart calls f for every block of channels b of every image img that rows
// [first, end) of tiles touch, in the order of memory: n rows from the image's row
// on, whose tiles begin at float at of each plane.
func (p Winograd) eachPart(first, end, blocks int, f func(at, b, img, row, n int)) {
	perImage, perRow := p.in.tileRows(), p.in.tileCols()*Lanes
	for r := first; r < end; {
		n := min(perImage-r%perImage, end-r)
		for b := range blocks {
			f((r-first)*perRow, b, r/perImage, r%perImage, n)
		}
		r += n
	}
}

// tiles returns the arguments of a transform of rows of tiles of a map.
func (p Winograd) tiles(tiles []float32, m Map, row, rows int) winogradTiles {
	return winogradTiles{tiles: tiles, plane: p.plane, row: m.Row(), rows: rows, cols: m.tileCols()}
}

// eachTile calls f for what the transforms compute at a time of maps that are no
// whole number of tiles: the whole tiles of a row together, and each other tile.
// Row is a's first row; h and w are the pixels of the map from the tile on, 4 or
// more of a whole tile.
func (p Winograd) eachTile(a winogradTiles, row int, f func(a winogradTiles, h, w int)) {
	for r := range a.rows {
		h := p.in.H - 4*(row+r)
		for c := 0; c < a.cols; {
			n := 1
			if whole := p.in.W/4 - c; h >= 4 && whole > 0 {
				n = whole
			}
			part := a
			part.rows, part.cols = 1, n
			part.tiles = a.tiles[(r*a.cols+c)*Lanes:]
			at := 4*r*a.row + 4*c*Lanes
			part.image = a.image[at:]
			if a.residual != nil {
				part.residual = a.residual[at:]
			}
			f(part, h, p.in.W-4*c)
			c += n
		}
	}
}

// tileOf copies h × w pixels of a map whose rows are row floats apart into the
// corner of a tile of size × size pixels, and zeros around them.
func tileOf(tile []float32, size int, image []float32, row, h, w int) {
	clear(tile[:size*size*Lanes])
	for i := range h {
		copy(tile[i*size*Lanes:], image[i*row:][:w*Lanes])
	}
}
