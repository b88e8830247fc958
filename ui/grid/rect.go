package grid

// A Rect is a rectangle of cells. One without width or height is empty.
type Rect struct{ X, Y, W, H int }

// Empty reports whether the rectangle has no cells.
func (r Rect) Empty() bool { return r.W <= 0 || r.H <= 0 }

// Contains reports whether the cell (x, y) lies inside.
func (r Rect) Contains(x, y int) bool {
	return x >= r.X && x < r.X+r.W && y >= r.Y && y < r.Y+r.H
}

// Inset returns the rectangle without dx columns at the left and right and dy
// rows at the top and bottom.
func (r Rect) Inset(dx, dy int) Rect {
	return Rect{r.X + dx, r.Y + dy, max(r.W-2*dx, 0), max(r.H-2*dy, 0)}
}

// Intersect returns the cells that both have.
func (r Rect) Intersect(o Rect) Rect {
	x0, y0 := max(r.X, o.X), max(r.Y, o.Y)
	x1, y1 := min(r.X+r.W, o.X+o.W), min(r.Y+r.H, o.Y+o.H)
	return Rect{x0, y0, max(x1-x0, 0), max(y1-y0, 0)}
}

// Top cuts off the upper n rows: it returns them and the rest.
func (r Rect) Top(n int) (top, rest Rect) {
	n = min(max(n, 0), r.H)
	return Rect{r.X, r.Y, r.W, n}, Rect{r.X, r.Y + n, r.W, r.H - n}
}

// Bottom cuts off the lower n rows: it returns them and the rest.
func (r Rect) Bottom(n int) (bottom, rest Rect) {
	n = min(max(n, 0), r.H)
	rest, bottom = r.Top(r.H - n)
	return bottom, rest
}

// Left cuts off the n leftmost columns: it returns them and the rest.
func (r Rect) Left(n int) (left, rest Rect) {
	n = min(max(n, 0), r.W)
	return Rect{r.X, r.Y, n, r.H}, Rect{r.X + n, r.Y, r.W - n, r.H}
}

// Right cuts off the n rightmost columns: it returns them and the rest.
func (r Rect) Right(n int) (right, rest Rect) {
	n = min(max(n, 0), r.W)
	rest, right = r.Left(r.W - n)
	return right, rest
}

// Row returns row i from the top as a rectangle of height 1, empty when there
// is no such row.
func (r Rect) Row(i int) Rect {
	if i < 0 || i >= r.H {
		return Rect{X: r.X, Y: r.Y + i, W: r.W}
	}
	return Rect{r.X, r.Y + i, r.W, 1}
}

// Centre returns a rectangle of at most w by h cells in the middle.
func (r Rect) Centre(w, h int) Rect {
	w, h = min(w, r.W), min(h, r.H)
	return Rect{r.X + (r.W-w)/2, r.Y + (r.H-h)/2, w, h}
}
