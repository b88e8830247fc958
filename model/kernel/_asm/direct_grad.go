package main

import "fmt"

// dataGradStride2 writes the data gradient of a 3×3 convolution with stride 2
// for one block of input channels. A pixel of dy reaches 3×3 pixels of dx, and
// by parity the four pixels (2y, 2x) … (2y+1, 2x+1) of dx take one, two, two and
// four taps from the 2×2 pixels of dy that (y, x) begins:
//
//	dx even row, even column   w11·dy00
//	dx even row, odd column    w12·dy00 + w10·dy01
//	dx odd row, even column    w21·dy00 + w01·dy10
//	dx odd row, odd column     w22·dy00 + w20·dy01 + w02·dy10 + w00·dy11
//
// A tile is two rows of dx. Per channel of dy and row, the pixels wait in
// registers and the taps pass by. The last sum would be four products long in
// each step and keep the others waiting, so its second row has an accumulator of
// its own.
func dataGradStride2(f *file, v vectors) {
	width := v.count / 8 // pixels of dy; four outputs each
	k := tileKernel{
		vectors:  v,
		name:     "directDataGrad3x3s2" + v.set,
		dstBytes: 2 * width * 64, srcBytes: width * 64,
		dstRows: 2, srcRows: 1,
	}
	for a := range 2 {
		for b := range 2 {
			for t := range width {
				k.outputs = append(k.outputs, output{a, (2*t + b) * 64})
			}
		}
	}
	k.second = width
	n := len(k.outputs) + k.second
	acc, dy := v.regs(0, n), v.regs(n, width+1)
	w := &rotation{regs: v.regs(n+len(dy), min(v.count-n-len(dy), 5))}
	k.write(f, func() {
		f.p("\tMOVQ %s, %s", plane, pixel)
		f.p("\tMOVQ $16, CX")
		f.p("channel:")
		for r := range 2 {
			for i, d := range dy {
				f.p("\tVBROADCASTSS %s, %s", row(pixel, srcRow, r, i*64), d)
			}
			for ky := range 3 {
				for kx := range 3 {
					a, from := parity(ky)
					b, s := parity(kx)
					if from != r {
						continue
					}
					first := (a*2 + b + a*b*r) * width
					tap := w.next()
					f.p("\tVMOVUPS %d(%s), %s", (ky*3+kx)*64, weights, tap)
					for t := range width {
						f.p("\tVFMADD231PS %s, %s, %s", tap, dy[t+s], acc[first+t])
					}
				}
			}
		}
		f.p("\tADDQ $%d, %s", 9*64, weights)
		f.p("\tADDQ $4, %s", pixel)
		f.p("\tDECQ CX")
		f.p("\tJNZ channel")
	})
}

// parity returns which pixel of dx, even (0) or odd (1), tap k brings a gradient
// to, and from which pixel of dy, the one at half its place (0) or the next (1).
func parity(k int) (odd, next int) {
	switch k {
	case 0:
		return 1, 1
	case 1:
		return 0, 0
	default:
		return 1, 0
	}
}

// weightGrad writes the gradient of the weights in one kernel row, for one block
// of output channels. A group of input channels at a time has its gradients in
// registers while the map passes, a few pixels of dy at once. Here dst is dy, the
// gradients' place is weights, and blocks are groups.
func weightGrad(f *file, v vectors, c directConv) {
	width := v.count / 8 // pixels of dy
	channels := gradChannels(v, c)
	n := channels * c.kernel
	acc, dy := v.regs(0, n), v.regs(n, width)
	broadcasts := &rotation{regs: v.regs(n+width, min(v.count-n-width, 5))}

	f.fn("directGrad"+c.name+v.set, 0)
	f.p("\tMOVQ directArgs_weights(AX), %s", weights)
	f.p("\tMOVQ directArgs_src(AX), %s", plane)
	f.p("\tMOVQ directArgs_blocks(AX), %s", blocks)
	f.p("\tMOVQ directArgs_srcRow(AX), %s", srcRow)
	f.p("\tMOVQ directArgs_dstRow(AX), %s", dstRow)
	f.p("group:")
	for i, a := range acc {
		f.p("\tVMOVUPS %d(%s), %s", i*64, weights, a)
	}
	f.p("\tMOVQ %s, %s", plane, src)
	f.p("\tMOVQ directArgs_dst(AX), %s", dst)
	f.p("\tMOVQ directArgs_rows(AX), R8")
	f.p("row:")
	f.p("\tMOVQ %s, %s", dst, dstTile)
	f.p("\tMOVQ %s, %s", src, srcTile)
	f.p("\tMOVQ directArgs_tiles(AX), %s", tiles)
	f.p("tile:")
	for t := range width {
		f.p("\tVMOVUPS %d(%s), %s", t*64, dstTile, dy[t])
	}
	for i := range c.reads(width) {
		ts, ks := c.uses(i, width)
		for ch := range channels {
			var ds, accs []string
			for u, t := range ts {
				ds, accs = append(ds, dy[t]), append(accs, acc[ch*c.kernel+ks[u]])
			}
			v.fma(f, fmt.Sprintf("%d(%s)", i*c.pixel()+ch*4, srcTile), broadcasts, ds, accs)
		}
	}
	f.p("\tADDQ $%d, %s", width*64, dstTile)
	f.p("\tADDQ $%d, %s", width*c.stride*c.pixel(), srcTile)
	f.p("\tDECQ %s", tiles)
	f.p("\tJNZ tile")
	for range c.stride {
		f.p("\tADDQ %s, %s", srcRow, src)
	}
	f.p("\tADDQ %s, %s", dstRow, dst)
	f.p("\tDECQ R8")
	f.p("\tJNZ row")
	for i, a := range acc {
		f.p("\tVMOVUPS %s, %d(%s)", a, i*64, weights)
	}
	f.p("\tADDQ $%d, %s", n*64, weights)
	f.p("\tADDQ $%d, %s", channels*4, plane)
	f.p("\tDECQ %s", blocks)
	f.p("\tJNZ group")
	f.p("\tVZEROUPPER")
	f.p("\tRET")
}

// gradChannels returns the number of input channels whose gradients fit the
// registers at once, a divisor of those in a block.
func gradChannels(v vectors, c directConv) int {
	switch {
	case c.channels == 3:
		return 3
	case c.kernel == 1:
		return v.count / 2
	default:
		return v.count / 4
	}
}
