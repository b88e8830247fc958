package picture

// Cells are this many units wide and high; one unit is a pixel of an SVG shown
// at its own size.
const cellW, cellH = 9, 18

// A box is a filled rectangle in units from its cell's upper left corner.
type box struct{ x, y, w, h float64 }

// A shape is a rune drawn from geometry rather than from a font: fonts disagree
// about where lines and blocks end, and many lack braille.
type shape struct {
	boxes    []box
	polygons [][]point // closed
	opacity  float64
}

type point struct{ x, y float64 }

const (
	thin, heavy    = 1.0, 2.0
	middleX        = cellW / 2.0
	middleY        = cellH / 2.0
	firstBraille   = '\u2800'
	lastBraille    = '\u28ff'
	dotSize        = 2.5
	lowerOneEighth = '▁' // up to █, the full block
	leftSeven      = '▉' // down to ▏, the left eighth
)

// shapeOf returns the shape of box-drawing characters, blocks, braille and a
// few marks; ok is false for runes that a font draws.
func shapeOf(r rune) (s shape, ok bool) {
	switch {
	case r >= firstBraille && r <= lastBraille:
		return dots(byte(r - firstBraille)), true
	case r >= lowerOneEighth && r <= '█':
		h := cellH * float64(r-lowerOneEighth+1) / 8
		return filled(box{0, cellH - h, cellW, h}), true
	case r >= leftSeven && r <= '▏':
		return filled(box{0, 0, cellW * float64('▏'-r+1) / 8, cellH}), true
	case r >= '░' && r <= '▓':
		s := filled(box{0, 0, cellW, cellH})
		s.opacity = float64(r-'░'+1) / 4
		return s, true
	}
	if a, ok := arms[r]; ok {
		return a.shape(), true
	}
	s, ok = marks[r]
	return s, ok
}

func filled(b ...box) shape { return shape{boxes: b, opacity: 1} }

// dots places the eight dots of a braille cell: bits 0 to 2 and 6 at the left
// from the top, 3 to 5 and 7 at the right (Unicode 16, chapter 21.1).
func dots(bits byte) shape {
	places := [8][2]int{{0, 0}, {0, 1}, {0, 2}, {1, 0}, {1, 1}, {1, 2}, {0, 3}, {1, 3}}
	s := shape{opacity: 1}
	for bit, at := range places {
		if bits&(1<<bit) != 0 {
			x, y := cellW*(float64(at[0])+0.5)/2, cellH*(float64(at[1])+0.5)/4
			s.boxes = append(s.boxes, box{x - dotSize/2, y - dotSize/2, dotSize, dotSize})
		}
	}
	return s
}

// An arm is a box-drawing character: the thickness of the lines that lead from
// its middle to each side, and how many dashes a straight line has.
type arm struct {
	up, right, down, left float64
	dashes                int
}

var arms = map[rune]arm{
	'─': {right: thin, left: thin}, '━': {right: heavy, left: heavy},
	'│': {up: thin, down: thin}, '┃': {up: heavy, down: heavy},
	'╭': {right: thin, down: thin}, '╮': {left: thin, down: thin}, '╰': {up: thin, right: thin}, '╯': {up: thin, left: thin},
	'┌': {right: thin, down: thin}, '┐': {left: thin, down: thin}, '└': {up: thin, right: thin}, '┘': {up: thin, left: thin},
	'┏': {right: heavy, down: heavy}, '┓': {left: heavy, down: heavy}, '┗': {up: heavy, right: heavy}, '┛': {up: heavy, left: heavy},
	'├': {up: thin, down: thin, right: thin}, '┤': {up: thin, down: thin, left: thin},
	'┬': {right: thin, left: thin, down: thin}, '┴': {right: thin, left: thin, up: thin},
	'┼': {up: thin, down: thin, right: thin, left: thin},
	'╴': {left: thin}, '╶': {right: thin},
	'╌': {right: thin, left: thin, dashes: 2}, '┄': {right: thin, left: thin, dashes: 3},
	'┊': {up: thin, down: thin, dashes: 4}, '┆': {up: thin, down: thin, dashes: 3},
}

func (a arm) shape() shape {
	if a.dashes > 0 {
		return a.dashed()
	}
	s := shape{opacity: 1}
	across, upright := max(a.left, a.right), max(a.up, a.down)
	if across > 0 {
		x0, x1 := middleX-upright/2, middleX+upright/2 // no gap at corners
		if a.left > 0 {
			x0 = 0
		}
		if a.right > 0 {
			x1 = cellW
		}
		s.boxes = append(s.boxes, box{x0, middleY - across/2, x1 - x0, across})
	}
	if upright > 0 {
		y0, y1 := middleY, middleY
		if a.up > 0 {
			y0 = 0
		}
		if a.down > 0 {
			y1 = cellH
		}
		s.boxes = append(s.boxes, box{middleX - upright/2, y0, upright, y1 - y0})
	}
	return s
}

func (a arm) dashed() shape {
	s := shape{opacity: 1}
	n := float64(a.dashes)
	for i := range a.dashes {
		if a.left > 0 {
			s.boxes = append(s.boxes, box{cellW * (float64(i) + 0.2) / n, middleY - a.left/2, cellW * 0.6 / n, a.left})
		} else {
			s.boxes = append(s.boxes, box{middleX - a.up/2, cellH * (float64(i) + 0.2) / n, a.up, cellH * 0.6 / n})
		}
	}
	return s
}

// marks are what else fonts for text often lack.
var marks = map[rune]shape{
	'▐': filled(box{cellW / 2.0, 0, cellW / 2.0, cellH}),
	'▕': filled(box{cellW * 7 / 8.0, 0, cellW / 8.0, cellH}),
	'‖': filled(box{2, 4, 1.5, 10}, box{5.5, 4, 1.5, 10}),
	'‥': filled(box{1.5, 12, 1.7, 1.7}, box{5.8, 12, 1.7, 1.7}),
	'▸': {opacity: 1, polygons: [][]point{{{2, 5}, {7.5, 9}, {2, 13}}}},
	'▾': {opacity: 1, polygons: [][]point{{{1, 7}, {8, 7}, {4.5, 12}}}},
	'◆': {opacity: 1, polygons: [][]point{{{4.5, 4.5}, {8.5, 9}, {4.5, 13.5}, {0.5, 9}}}},
	'✓': {opacity: 1, polygons: [][]point{{{1, 9.5}, {2, 8.3}, {3.7, 10.6}, {7.2, 4.8}, {8.4, 5.6}, {3.9, 13}}}},
	'✗': {opacity: 1, polygons: [][]point{
		{{1, 5.9}, {2, 5}, {8, 12.1}, {7, 13}}, {{7, 5}, {8, 5.9}, {2, 13}, {1, 12.1}},
	}},
}
