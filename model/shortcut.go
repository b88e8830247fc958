package model

import "espalier/model/kernel"

// padShortcut computes the parameter-free shortcut of He et al. 2015 (option
// A): y takes every second pixel of x, with as many zero channels before x's
// channels as after them.
func padShortcut(out kernel.Map, y []float32, in kernel.Map, x []float32) {
	clear(y)
	before := (out.C - in.C) / 2
	for c := range in.C {
		for h := range out.H {
			to, from := out.At(c+before, h, 0), in.At(c, 2*h, 0)
			for w := range out.W {
				y[to+w*kernel.Lanes] = x[from+2*w*kernel.Lanes]
			}
		}
	}
}
