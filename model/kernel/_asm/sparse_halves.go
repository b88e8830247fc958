package main

import "fmt"

// A halves is a kernel of stride 1 for rows whose halves, the even and the odd
// columns, fill whole registers. The neighbours of even columns are then odd
// columns and the other way round, in the same lane but for one side:
//
//	even 2i:       odd 2i−1 is one lane lower    odd 2i+1 is in the same lane
//	odd  2i + 1:   even 2i is in the same lane   even 2i+2 is one lane higher
//
// So the sums of left taps at even columns and those of right taps at odd ones
// have registers of their own, which are moved by a lane once they are
// complete.
type halves struct {
	*file
	name  string
	class string // of registers
	half  int    // registers in half a row
	rows  int
}

// vectors returns the number of registers that half of the strip takes.
func (k halves) vectors() int { return k.rows * k.half }

func (k halves) write() {
	n, size := k.vectors(), 4*lanes(k.class)
	even, odd, moved := names(k.class, 0, n), names(k.class, n, 2*n), names(k.class, 2*n, 3*n)
	rest := names(k.class, 3*n, 3*n+4)
	bias, index := rest[0], rest[1]
	wide := 3*n+4 > 16 // needs the registers, and so the instructions, of AVX-512
	w := walk{k.file, 2 * k.half * size, rest[:3], rest[3], wide}
	if !wide {
		table(k.file, k.name+"Up", 8, func(i int) int { return (i + 7) % 8 })
		table(k.file, k.name+"Down", 8, func(i int) int { return (i + 1) % 8 })
	}
	sparseBegin(k.file, k.name, 8)
	sparseBias(k.file, bias)
	for i := range n {
		k.p("\tVMOVAPS %s, %s", bias, odd[i])
		k.p("\tVMOVAPS %s, %s", bias, moved[i])
	}
	// fmas sends even columns of the input to one set of sums, odd to another.
	fmas := func(ofEven, ofOdd []string) (all []fma) {
		for r := range k.rows {
			for j := range k.half {
				at := (2*r*k.half + j) * size
				all = append(all, fma{at, ofEven[r*k.half+j]}, fma{at + k.half*size, ofOdd[r*k.half+j]})
			}
		}
		return all
	}
	w.column(0, fmas(odd, moved), nothing, nothing)
	k.p("\tVBROADCASTSS 0(SP), %s", bias)
	if wide {
		for i := range n {
			k.p("\tVALIGND $%d, %s, %s, %s", lanes(k.class)-1, k.below(moved, i, bias), moved[i], even[i])
		}
	} else {
		k.p("\tVMOVUPS %sUp<>(SB), %s", k.name, index)
		for i := range n {
			k.p("\tVPERMPS %s, %s, %s", moved[i], index, even[i])
		}
		for i := n - 1; i >= 0; i-- {
			k.p("\tVBLENDPS $1, %s, %s, %s", k.below(even, i, bias), even[i], even[i])
		}
	}
	w.column(1, fmas(even, odd), nothing, nothing)
	w.column(2, fmas(moved, even), func() {
		for _, v := range moved {
			k.p("\tVXORPS %[1]s, %[1]s, %[1]s", v)
		}
	}, func() {
		zero := bias
		k.p("\tVXORPS %[1]s, %[1]s, %[1]s", zero)
		if wide {
			for i, v := range moved {
				k.p("\tVALIGND $1, %s, %s, %s", v, k.above(moved, i, zero), v)
			}
		} else {
			k.p("\tVMOVUPS %sDown<>(SB), %s", k.name, index)
			for _, v := range moved {
				k.p("\tVPERMPS %s, %s, %s", v, index, v)
			}
			for i, v := range moved {
				k.p("\tVBLENDPS $0x80, %s, %s, %s", k.above(moved, i, zero), v, v)
			}
		}
		for i, v := range moved {
			k.p("\tVADDPS %s, %s, %s", v, odd[i], odd[i])
		}
	})
	var sums []string
	for r := range k.rows {
		sums = append(sums, even[r*k.half:][:k.half]...)
		sums = append(sums, odd[r*k.half:][:k.half]...)
	}
	sparseStore(k.file, sums, size, index)
	sparseEnd(k.file)
}

// below returns the register whose last lane moves into register i, or edge
// where a row begins.
func (k halves) below(of []string, i int, edge string) string {
	if i%k.half == 0 {
		return edge
	}
	return of[i-1]
}

// above returns the register whose first lane moves into register i, or edge
// where a row ends.
func (k halves) above(of []string, i int, edge string) string {
	if i%k.half == k.half-1 {
		return edge
	}
	return of[i+1]
}

// A stride2 is a kernel of stride 2. Its sums are those of neighbouring output
// columns, to which the even and the odd columns of the input belong in the
// same order; only left taps are moved by a lane.
type stride2 struct {
	*file
	name  string
	class string // of registers
	row   int    // registers in a row of the output
	rows  int
	wide  bool // AVX-512
}

func (k stride2) write() {
	n, size := k.rows*k.row, 4*lanes(k.class)
	sums := names(k.class, 0, n)
	rest := names(k.class, n, n+4)
	w := walk{k.file, 4 * k.row * size, rest[:3], rest[3], k.wide}
	bias, spare := rest[0], rest[1]
	half := lanes(k.class) / 2
	if k.row == 1 {
		table(k.file, k.name+"Sort", 2*half, func(i int) int { return i%half*2 + i/half })
	}
	if !k.wide {
		table(k.file, k.name+"Up", 8, func(i int) int { return (i + 7) % 8 })
	}
	sparseBegin(k.file, k.name, 8)
	sparseBias(k.file, bias)
	for _, v := range sums {
		k.p("\tVMOVAPS %s, %s", bias, v)
	}
	// fmas reads one half of every second row of the input.
	fmas := func(from int) (all []fma) {
		for r := range k.rows {
			for j := range k.row {
				all = append(all, fma{from + (4*r*k.row+j)*size, sums[r*k.row+j]})
			}
		}
		return all
	}
	w.column(0, fmas(0), nothing, func() {
		k.p("\tVBROADCASTSS 0(SP), %s", bias)
		k.up(sums, bias, spare)
	})
	w.column(1, fmas(0), nothing, nothing)
	k.sort(sums, spare)
	sparseStore(k.file, sums, size, spare)
	sparseEnd(k.file)
}

// up moves the sums to the next output column.
func (k stride2) up(sums []string, bias, index string) {
	if k.wide {
		for _, v := range sums {
			k.p("\tVALIGND $%d, %s, %s, %s", lanes(k.class)-1, bias, v, v)
		}
		return
	}
	k.p("\tVMOVUPS %sUp<>(SB), %s", k.name, index)
	for _, v := range sums {
		k.p("\tVPERMPS %s, %s, %s", v, index, v)
	}
	for i := len(sums) - 1; i >= 0; i-- {
		from := bias
		if i%k.row > 0 {
			from = sums[i-1]
		}
		k.p("\tVBLENDPS $1, %s, %s, %s", from, sums[i], sums[i])
	}
}

// sort brings the even columns of every row before the odd ones.
func (k stride2) sort(sums []string, spare string) {
	if k.row == 1 {
		k.p("\tVMOVUPS %sSort<>(SB), %s", k.name, spare)
		for _, v := range sums {
			k.p("\tVPERMPS %s, %s, %s", v, spare, v)
		}
		return
	}
	for i := 0; i < len(sums); i += 2 {
		a, b := sums[i], sums[i+1]
		k.p("\tVSHUFPS $0x88, %s, %s, %s // 0 2 8 10 | 4 6 12 14", b, a, spare)
		k.p("\tVSHUFPS $0xdd, %s, %s, %s", b, a, b)
		k.p("\tVPERMPD $0xd8, %s, %s", spare, a)
		k.p("\tVPERMPD $0xd8, %s, %s", b, b)
	}
}

// Rows of 8 pixels, of which a register holds one or two whole: even columns in
// its lanes 0 to 3, odd ones in 4 to 7. to8 returns the lane that moves into
// lane i if pixels move by so many columns, cyclically.
func to8(i, columns int) int {
	column := i%4*2 + i%8/4
	from := (column - columns + 8) % 8
	return i/8*8 + from%2*4 + from/2
}

// sparse8x8AVX512 keeps the sums of the left and of the right taps apart from
// those of the centre until they are complete.
func sparse8x8AVX512(f *file) {
	const name = "sparse8x8AVX512"
	table(f, name+"Up", 16, func(i int) int { return to8(i, 1) })
	table(f, name+"Down", 16, func(i int) int { return to8(i, -1) })
	sums, moved := names("Z", 0, 4), names("Z", 4, 8)
	const up, down, bias = "Z8", "Z9", "Z10"
	w := walk{f, 64, names("Z", 11, 14), "Z14", true}
	sparseBegin(f, name, 8)
	f.p("\tVMOVUPS %sUp<>(SB), %s", name, up)
	f.p("\tVMOVUPS %sDown<>(SB), %s", name, down)
	f.p("\tMOVL $0xfefe, BX // all but first pixels of a row")
	f.p("\tKMOVW BX, K1")
	f.p("\tMOVL $0x7f7f, BX // all but last pixels of a row")
	f.p("\tKMOVW BX, K2")
	sparseBias(f, bias)
	clear := func() {
		for _, v := range moved {
			f.p("\tVXORPS %[1]s, %[1]s, %[1]s", v)
		}
	}
	move := func(index, mask string) func() {
		return func() {
			for i, v := range moved {
				f.p("\tVPERMPS.Z %s, %s, %s, %s", v, index, mask, v)
				f.p("\tVADDPS %s, %s, %s", v, sums[i], sums[i])
			}
		}
	}
	fmas := func(of []string) (all []fma) {
		for i, v := range of {
			all = append(all, fma{64 * i, v})
		}
		return all
	}
	for _, v := range sums {
		f.p("\tVMOVAPS %s, %s", bias, v)
	}
	w.column(0, fmas(moved), clear, move(up, "K1"))
	w.column(1, fmas(sums), nothing, nothing)
	w.column(2, fmas(moved), clear, move(down, "K2"))
	sparseStore(f, sums, 64, bias)
	sparseEnd(f)
}

// sparse8x8AVX2 has no registers for that: it moves the sums themselves, up
// after the left taps, and up again for the right ones and back down.
func sparse8x8AVX2(f *file) {
	const name = "sparse8x8AVX2"
	table(f, name+"Up", 8, func(i int) int { return to8(i, 1) })
	table(f, name+"Down", 8, func(i int) int { return to8(i, -1) })
	sums := names("Y", 0, 8)
	const up, down, bias = "Y8", "Y9", "Y10"
	w := walk{f, 64, names("Y", 11, 14), "Y14", false}
	saved := func(i int) string { return fmt.Sprintf("%d(SP)", 8+32*i) }
	turn := func(index string) {
		for _, v := range sums {
			f.p("\tVPERMPS %s, %s, %s", v, index, v)
		}
	}
	var fmas []fma
	for i, v := range sums {
		fmas = append(fmas, fma{32 * i, v})
	}
	sparseBegin(f, name, 8+32*len(sums))
	f.p("\tVMOVUPS %sUp<>(SB), %s", name, up)
	f.p("\tVMOVUPS %sDown<>(SB), %s", name, down)
	sparseBias(f, bias)
	for _, v := range sums {
		f.p("\tVMOVAPS %s, %s", bias, v)
	}
	w.column(0, fmas, nothing, func() {
		turn(up)
		for _, v := range sums { // nothing is left of the first pixel
			f.p("\tVBLENDPS $1, %s, %s, %s", bias, v, v)
		}
	})
	w.column(1, fmas, nothing, nothing)
	w.column(2, fmas, func() {
		for i, v := range sums {
			f.p("\tVMOVUPS %s, %s", v, saved(i))
		}
		turn(up)
	}, func() {
		turn(down)
		for i, v := range sums { // nor right of the last
			f.p("\tVBLENDPS $0x80, %s, %s, %s", saved(i), v, v)
		}
	})
	sparseStore(f, sums, 32, bias)
	sparseEnd(f)
}
