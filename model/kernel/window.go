package kernel

import "fmt"

// A Window is a convolution's or a pool's; it slides over a map. Its first
// position begins Top rows above and Left columns before the map. Bottom and
// Right are the padding after the map, which the last position need not reach.
type Window struct {
	Kernel, Stride           int
	Top, Left, Bottom, Right int
}

// Square returns a window with the same padding on all sides.
func Square(kernel, stride, padding int) Window {
	return Window{kernel, stride, padding, padding, padding, padding}
}

// Outputs returns how many positions the window has on a map of h × w pixels.
func (w Window) Outputs(h, wide int) (int, int) {
	return (h+w.Top+w.Bottom-w.Kernel)/w.Stride + 1, (wide+w.Left+w.Right-w.Kernel)/w.Stride + 1
}

// String returns, as an example, "3×3/2+1", or "3×3/2+0.0.1.1" where the padding
// differs: top, left, bottom, right.
func (w Window) String() string {
	if w == Square(w.Kernel, w.Stride, w.Top) {
		return fmt.Sprintf("%d×%d/%d+%d", w.Kernel, w.Kernel, w.Stride, w.Top)
	}
	return fmt.Sprintf("%d×%d/%d+%d.%d.%d.%d", w.Kernel, w.Kernel, w.Stride, w.Top, w.Left, w.Bottom, w.Right)
}

// valid reports whether the window can slide over a map at all.
func (w Window) valid() bool {
	return w.Kernel >= 1 && w.Stride >= 1 && w.Top >= 0 && w.Left >= 0 && w.Bottom >= 0 && w.Right >= 0
}

// margins are the rows and columns around a map that are read. They are
// negative if even the map's outermost rows or columns are not read.
type margins struct{ top, left, bottom, right int }

// margins returns how far the window reaches out of in, with one position for
// each pixel of out.
func (w Window) margins(in, out Map) margins {
	return margins{
		top: w.Top, left: w.Left,
		bottom: (out.H-1)*w.Stride + w.Kernel - w.Top - in.H,
		right:  (out.W-1)*w.Stride + w.Kernel - w.Left - in.W,
	}
}

// within reports whether a border of n pixels holds the margins.
func (g margins) within(n int) bool {
	return g.top <= n && g.left <= n && g.bottom <= n && g.right <= n
}

// atLeast returns margins of no side less than n.
func (g margins) atLeast(n int) margins {
	return margins{max(g.top, n), max(g.left, n), max(g.bottom, n), max(g.right, n)}
}

// A view says how pixels lie in memory. Distances are in floats.
type view struct {
	blocks             int
	pixel, row, plane  int // distances between pixels, rows and blocks
	origin             int // offset of pixel (0, 0)
	height, wide, size int // of the map, and floats in a pixel
}

// view returns how m lies in memory. A map of up to 4 channels is the image
// itself, [H+2][W+2][4].
func (m Map) view() view { return m.framed(margins{1, 1, 1, 1}) }

// framed is view for a map whose margins are not a border of 1.
func (m Map) framed(g margins) view {
	v := view{blocks: m.C / Lanes, size: Lanes, height: m.H, wide: m.W}
	if m.isImage() {
		v.blocks, v.size = 1, 4
	}
	v.pixel = v.size
	v.row = (g.left + m.W + g.right) * v.pixel
	v.plane = (g.top + m.H + g.bottom) * v.row
	v.origin = g.top*v.row + g.left*v.pixel
	return v
}

// isImage reports whether a map is the network's input, which has no blocks of
// channels.
func (m Map) isImage() bool { return m.C <= 4 }

// len returns the length of the whole, in floats.
func (v view) len() int { return v.blocks * v.plane }

// at returns the offset of pixel (y, x) in the first block.
func (v view) at(y, x int) int { return v.origin + y*v.row + x*v.pixel }

// scratch returns the length of the scratch for reading m with these margins, in
// floats.
func (m Map) scratch(g margins) int {
	if g.within(1) {
		return 0
	}
	return m.framed(g.atLeast(0)).len()
}

// reach returns x, laid out as m, with margins that hold fill: x itself if its
// border is enough, else a copy in scratch.
func reach[T any](m Map, x, scratch []T, g margins, fill T) ([]T, view) {
	from := m.view()
	if g.within(1) {
		return x, from
	}
	g = g.atLeast(0)
	to := m.framed(g)
	need("scratch", scratch, to.len())
	for b := range from.blocks {
		frame(scratch[b*to.plane:][:to.plane], to, x[b*from.plane:], from, fill)
	}
	return scratch, to
}

// frame copies one block of a map and fills what is around it in dst.
func frame[T any](dst []T, to view, src []T, from view, fill T) {
	n := from.wide * from.pixel
	end := 0 // of what has been written
	for y := range from.height {
		at := to.at(y, 0)
		for i := range dst[end:at] {
			dst[end+i] = fill
		}
		copy(dst[at:at+n], src[from.at(y, 0):])
		end = at + n
	}
	for i := range dst[end:] {
		dst[end+i] = fill
	}
}
