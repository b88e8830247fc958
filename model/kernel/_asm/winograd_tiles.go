package main

import "fmt"

// Registers of the transforms. AX points to the arguments.
const (
	wTiles = "DI" // the tile's lanes at the first position
	wImage = "SI" // its first pixel
	wRow   = "R8" // distance between rows of the image; times 3
	wRow3  = "R9"
	wPlane = "R11" // distance between positions; times 3, 6 and 18
	wPlane3,
	wPlane6 = "R12", "R13"
	wPlane18 = "BX"
	wCols    = "CX" // tiles left in the row of tiles
)

// transform writes the loops over the tiles of a transform around tile.
func (w winograd) transform(setup, tile func(), teardown func()) {
	w.floats("winogradTiles_row", wRow)
	w.p("\tLEAQ (%s)(%s*2), %s", wRow, wRow, wRow3)
	w.floats("winogradTiles_plane", wPlane)
	w.p("\tLEAQ (%s)(%s*2), %s", wPlane, wPlane, wPlane3)
	w.p("\tLEAQ (%s)(%s*1), %s", wPlane3, wPlane3, wPlane6)
	w.p("\tLEAQ (%s)(%s*2), %s", wPlane6, wPlane6, wPlane18)
	w.arg("winogradTiles_tiles", wTiles)
	w.arg("winogradTiles_image", wImage)
	setup()
	w.p("rows:")
	w.arg("winogradTiles_cols", wCols)
	w.p("tile:")
	tile()
	w.p("\tADDQ $64, %s", wTiles)
	w.p("\tADDQ $256, %s", wImage)
	w.p("\tDECQ %s", wCols)
	w.p("\tJNZ tile")
	w.p("\tMOVQ winogradTiles_image(AX), %s", wImage)
	w.p("\tLEAQ (%s)(%s*4), %s", wImage, wRow, wImage)
	w.p("\tMOVQ %s, winogradTiles_image(AX)", wImage)
	w.p("\tDECQ winogradTiles_rows(AX)")
	w.p("\tJNZ rows")
	teardown()
	w.end()
}

// planes computes the addresses of positions (i, 0) to (i, 5) of the tile, with
// the help of two registers that they stay valid as long as.
func (w winograd) planes(i int, base, base3 string) [6]string {
	switch i {
	case 3:
		w.p("\tLEAQ (%s)(%s*1), %s", wTiles, wPlane18, base)
	case 5:
		w.p("\tLEAQ (%s)(%s*1), %s", wTiles, wPlane18, base)
		w.p("\tLEAQ (%s)(%s*2), %s", base, wPlane6, base)
	case 0:
		w.p("\tMOVQ %s, %s", wTiles, base)
	default:
		w.p("\tLEAQ (%s)(%s*%d), %s", wTiles, wPlane6, i, base)
	}
	w.p("\tLEAQ (%s)(%s*1), %s", base, wPlane3, base3)
	return strided(base, base3, wPlane)
}

// strided returns six addresses, three from each base on.
func strided(base, base3, distance string) (a [6]string) {
	for i := range a {
		b := base
		if i >= 3 {
			b = base3
		}
		a[i] = fmt.Sprintf("(%s)", b)
		if i%3 > 0 {
			a[i] += fmt.Sprintf("(%s*%d)", distance, i%3)
		}
	}
	return a
}

// epilogue writes the end of the output transform for one row of outputs y, to
// be stored at that many bytes from R14 on: the residual, at that distance from
// the output, the rectifier, and the sums. label makes its labels unique. It
// overwrites the temporaries t.
func (w winograd) epilogue(label string, first int, y []string, residual, sum, squares string, t []string) {
	w.p("\tCMPQ winogradTiles_residual(AX), $0")
	w.p("\tJEQ noresidual%s", label)
	for j, v := range y {
		w.add(v, v, fmt.Sprintf("%d(R14)(%s*1)", first+64*j, residual))
	}
	w.p("noresidual%s:", label)
	w.p("\tCMPB winogradTiles_relu(AX), $0")
	w.p("\tJEQ norelu%s", label)
	w.p("\tVXORPS X%[1]s, X%[1]s, X%[1]s", t[0][1:])
	for _, v := range y {
		w.p("\tVMAXPS %s, %s, %s // returns its first operand if that is NaN", v, t[0], v)
	}
	w.p("norelu%s:", label)
	for j, v := range y {
		w.store(fmt.Sprintf("%d(R14)", first+64*j), v)
	}
	w.p("\tCMPQ winogradTiles_sums(AX), $0")
	w.p("\tJEQ unsummed%s", label)
	// Four values are added up before they join the sums, which would otherwise
	// be a chain of sixteen dependent additions per tile.
	w.add(t[0], y[0], y[1])
	w.mul(t[1], y[0], y[0])
	w.add(t[0], t[0], y[2])
	w.addProduct(t[1], y[1], y[1])
	w.add(t[0], t[0], y[3])
	w.addProduct(t[1], y[2], y[2])
	w.add(sum, sum, t[0])
	w.addProduct(t[1], y[3], y[3])
	w.add(squares, squares, t[1])
	w.p("unsummed%s:", label)
}

// fetchBelow fetches the rows that the tile below will add to this one's, or
// that begin the next block of channels. lower is row 3 of the tile.
func (w winograd) fetchBelow(lower string) {
	w.p("\tLEAQ (%s)(%s*1), R14", lower, wRow3)
	for _, row := range []string{"(R14)", "(R14)(" + wRow + "*1)", "(R14)(" + wRow + "*2)", "(R14)(" + wRow3 + "*1)"} {
		for j := range 4 {
			w.p("\tPREFETCHT0 %d%s", 64*j, row)
		}
	}
}
