package dataset

import (
	"math"
	"math/rand/v2"
)

// A painter draws images of shapes10. Its canvas holds brightness from 0 to 1;
// what lies above 1 or below 0 is cut at the end.
type painter struct {
	source rand.PCG
	random *rand.Rand
	canvas [side][side]colour
}

type colour [3]float64

func newPainter() *painter {
	p := new(painter)
	p.random = rand.New(&p.source)
	return p
}

// draw fills image [3][32][32] with a scene around the shape s, from back to
// front: textured ground, clutter, the shape, a bar across it, light, noise.
func (p *painter) draw(image []uint8, s shape) {
	ground := p.between(0.2, 0.8)
	p.fill(p.surface(ground, 0.5))
	for range clutterMin + p.random.IntN(clutterMax-clutterMin+1) {
		p.paint(p.small(), p.surface(p.between(0.1, 0.9), 0.3))
	}
	pose := p.pose()
	pose.shape, pose.towards = s, p.between(0, similarity)
	p.paint(pose, p.surface(p.apart(ground), 0.5))
	if p.random.Float64() < occlusion {
		p.bar(pose, p.surface(p.between(0.1, 0.9), 0.3))
	}
	p.expose(image)
}

func (p *painter) between(low, high float64) float64 { return low + (high-low)*p.random.Float64() }

// apart returns a brightness at least contrast away from that of the ground,
// on either side of it.
func (p *painter) apart(ground float64) float64 {
	low, high := 0.08, 0.92
	below, above := max(0, ground-contrast-low), max(0, high-ground-contrast)
	b := p.between(0, below+above)
	if b < below {
		return low + b
	}
	return ground + contrast + b - below
}

// A pose is a shape at a place in the image, in pixels.
type pose struct {
	shape    shape
	towards  float64 // share of the partner's form in it
	x, y     float64 // centre
	cos, sin float64 // of the rotation
	rx, ry   float64 // radii along the shape's own axes
	soft     float64 // width of the edge
}

// pose returns a random pose for the main shape.
func (p *painter) pose() pose {
	a := p.between(0, 2*math.Pi)
	r := side * p.between(radiusMin, radiusMax)
	s := math.Sqrt(p.between(1, stretch))
	return pose{
		x:   side * (0.5 + p.between(-wander, wander)),
		y:   side * (0.5 + p.between(-wander, wander)),
		cos: math.Cos(a), sin: math.Sin(a),
		rx: r * s, ry: r / s,
		soft: p.between(1, 2),
	}
}

// small returns a pose of clutter: any shape, a few pixels wide, anywhere.
func (p *painter) small() pose {
	c := p.pose()
	c.shape = shape(p.random.IntN(len(shapeNames)))
	c.x, c.y = p.between(0, side), p.between(0, side)
	c.rx = side * p.between(0.05, 0.15)
	c.ry = c.rx * p.between(0.5, 1)
	return c
}

// distance returns roughly how many pixels point (x, y) lies outside the
// shape, negative inside.
func (c *pose) distance(x, y float64) float64 {
	dx, dy := x-c.x, y-c.y
	u, v := (c.cos*dx+c.sin*dy)/c.rx, (c.cos*dy-c.sin*dx)/c.ry
	d := c.shape.distance(u, v)
	if c.towards > 0 {
		d += c.towards * (c.shape.partner().distance(u, v) - d)
	}
	return d * min(c.rx, c.ry)
}

// fill covers the canvas.
func (p *painter) fill(s surface) {
	for y := range p.canvas {
		for x := range p.canvas[y] {
			p.canvas[y][x] = s.at(float64(x), float64(y))
		}
	}
}

// paint covers the pixels of a shape.
func (p *painter) paint(c pose, s surface) {
	reach := 1.3*max(c.rx, c.ry) + c.soft
	p.cover(c.x-reach, c.x+reach, c.y-reach, c.y+reach, c.soft, s, c.distance)
}

// bar covers a straight band that crosses the shape c off its centre.
func (p *painter) bar(c pose, s surface) {
	a := p.between(0, 2*math.Pi)
	nx, ny := math.Cos(a), math.Sin(a)
	half := side * p.between(0.03, occluderMax) / 2
	offset := p.between(0.1, 0.8) * min(c.rx, c.ry)
	p.cover(0, side, 0, side, c.soft, s, func(x, y float64) float64 {
		return math.Abs((x-c.x)*nx+(y-c.y)*ny-offset) - half
	})
}

// cover paints the surface s where distance is negative, within a rectangle,
// blending over the width soft at the edge.
func (p *painter) cover(left, right, top, bottom, soft float64, s surface, distance func(x, y float64) float64) {
	for y := max(0, int(top)); y <= min(side-1, int(bottom)); y++ {
		for x := max(0, int(left)); x <= min(side-1, int(right)); x++ {
			opacity := min(1, 0.5-distance(float64(x), float64(y))/soft)
			if opacity <= 0 {
				continue
			}
			to, from := &p.canvas[y][x], s.at(float64(x), float64(y))
			for c := range to {
				to[c] += opacity * (from[c] - to[c])
			}
		}
	}
}

// expose writes the canvas to image [3][32][32], under light that falls off in
// a random direction and with noise.
func (p *painter) expose(image []uint8) {
	a, fall := p.between(0, 2*math.Pi), p.between(0, 0.35)
	lx, ly := math.Cos(a)*fall/side, math.Sin(a)*fall/side
	noise := p.between(noiseMin, noiseMax)
	for y := range p.canvas {
		for x := range p.canvas[y] {
			light := 1 + lx*(float64(x)-side/2) + ly*(float64(y)-side/2)
			for c, v := range p.canvas[y][x] {
				v = v*light + noise*p.random.NormFloat64()
				image[c*plane+y*side+x] = uint8(255*min(max(v, 0), 1) + 0.5)
			}
		}
	}
}
