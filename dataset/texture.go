package dataset

import "math"

// A texture is the pattern in which a surface mixes its two colours.
type texture uint8

const (
	plain texture = iota
	stripes
	checks
	dots
	waves
	textures // their number
)

// A surface is a pattern of two colours, at an angle and a scale of its own.
type surface struct {
	texture   texture
	a, b      colour
	ux, uy    float64 // first axis of the pattern, in periods per pixel
	vx, vy    float64 // second axis
	pu, pv    float64 // phases
	sharpness float64
}

// surface returns a random surface of about the given brightness, 0 to 1,
// whose two colours differ in brightness by up to vary.
func (p *painter) surface(brightness, vary float64) surface {
	hue, chroma := p.between(0, 2*math.Pi), p.between(0.02, 0.28)
	half := p.between(0.1, vary) / 2
	angle := p.between(0, 2*math.Pi)
	k := 1 / p.between(4, 11) // a period is 4 to 11 pixels
	return surface{
		texture: texture(p.random.IntN(int(textures))),
		a:       tint(brightness-half, chroma, hue),
		b:       tint(brightness+half, chroma, hue+p.between(-0.9, 0.9)),
		ux:      k * math.Cos(angle), uy: k * math.Sin(angle),
		vx: -k * math.Sin(angle), vy: k * math.Cos(angle),
		pu: p.random.Float64(), pv: p.random.Float64(),
		sharpness: p.between(1, 3),
	}
}

// tint returns a colour of the given brightness whose channels swing by chroma
// around it, as a hue in radians tells.
func tint(brightness, chroma, hue float64) (c colour) {
	for i := range c {
		c[i] = brightness + chroma*math.Cos(hue-float64(i)*2*math.Pi/3)
	}
	return c
}

// at returns the surface's colour at a pixel.
func (s *surface) at(x, y float64) colour {
	if s.texture == plain {
		return s.a
	}
	u, v := s.ux*x+s.uy*y+s.pu, s.vx*x+s.vy*y+s.pv
	var swing float64 // −1 to 1
	switch s.texture {
	case stripes:
		swing = wave(u)
	case checks:
		swing = wave(u) * wave(v)
	case dots:
		swing = (wave(u) + wave(v)) / 2
	case waves:
		swing = wave(u + 0.16*wave(v))
	}
	mix := 0.5 + 0.5*min(max(s.sharpness*swing, -1), 1)
	var c colour
	for i := range c {
		c[i] = s.a[i] + mix*(s.b[i]-s.a[i])
	}
	return c
}

// wave is close to the sine of t periods, made of two parabolas.
func wave(t float64) float64 {
	t -= math.Floor(t + 0.5)
	return 16 * t * (0.5 - math.Abs(t))
}
