package dataset

import "math"

// A shape is a class of shapes10. Shapes 2k and 2k+1 are partners: of all
// classes they look most alike.
type shape uint8

const (
	disk shape = iota
	hexagon
	square
	cross
	triangle
	heart
	star
	flower
	ring
	crescent
)

var shapeNames = [...]string{
	disk:     "disk",
	hexagon:  "hexagon",
	square:   "square",
	cross:    "cross",
	triangle: "triangle",
	heart:    "heart",
	star:     "star",
	flower:   "flower",
	ring:     "ring",
	crescent: "crescent",
}

// partner returns the class that looks most like s.
func (s shape) partner() shape { return s ^ 1 }

// distance returns roughly how far point (x, y) lies outside the shape,
// negative inside. Shapes have about unit radius and the same orientation as
// their partners, so that mixing two distances morphs one into the other.
func (s shape) distance(x, y float64) float64 {
	switch s {
	case disk:
		return length(x, y) - 0.88
	case hexagon: // three pairs of sides
		x, y = math.Abs(x), math.Abs(y)
		return max(x, x/2+y*sin60) - 0.82
	case square:
		return max(math.Abs(x), math.Abs(y)) - 0.76
	case cross: // two bars
		x, y = math.Abs(x), math.Abs(y)
		return max(max(x, y)-0.98, min(x, y)-0.36)
	case triangle: // a tip in direction −y
		return max(y, math.Abs(x)*sin60-y/2) - 0.56
	case heart:
		return heartDistance(x, y)
	case star:
		return starDistance(x, y)
	case flower:
		return flowerDistance(x, y)
	case ring:
		return math.Abs(length(x, y)-0.68) - 0.26
	default: // crescent: a disk without a smaller one that touches its edge
		return max(length(x, y)-0.94, 0.62-length(x-0.42, y))
	}
}

const (
	sin36 = 0.5877852522924731
	cos36 = 0.8090169943749475
	sin60 = 0.8660254037844386
)

func length(x, y float64) float64 { return math.Sqrt(x*x + y*y) }

// heartDistance is that of a heart with its tip in direction −y. Inigo Quilez
// gives the formula, for a heart from (0, 0) to about (0, 1.1).
func heartDistance(x, y float64) float64 {
	const size, middle = 1.55, 0.56
	x, y = math.Abs(x)/size, y/size+middle
	if x+y > 1 {
		return size * (length(x-0.25, y-0.75) - math.Sqrt2/4)
	}
	along := 0.5 * max(x+y, 0)
	d := min(length(x, y-1), length(x-along, y-along))
	return size * math.Copysign(d, x-y)
}

// starDistance is that of a star with five tips, one in direction y. Mirrored
// into the tenth between that tip and the notch to its right, a point's
// distance is that from the line between the two.
func starDistance(x, y float64) float64 {
	const tip, notch = 1.05, 0.46
	x = math.Abs(x)
	if d := cos36*x - sin36*y; d > 0 {
		x, y = x-2*d*cos36, y+2*d*sin36
	}
	if d := -cos36*x - sin36*y; d > 0 {
		x, y = x+2*d*cos36, y+2*d*sin36
	}
	x = math.Abs(x)
	const nx, ny = tip - notch*cos36, notch * sin36 // normal to that line
	return (x*nx + (y-tip)*ny) / length(nx, ny)
}

// flowerDistance is that of a flower with five petals, one in direction y: a
// circle whose radius swings with the cosine of five times the angle from y,
// here as a polynomial of the angle's own cosine.
func flowerDistance(x, y float64) float64 {
	r := length(x, y)
	if r == 0 {
		return -0.76
	}
	c := y / r
	return r - 0.76 - 0.20*c*(5+c*c*(16*c*c-20))
}
