package kernel

// Pack writes one image src [C][H][W] into dst, laid out as m. dst's border is
// left as it is.
func (m Map) Pack(dst, src []float32) {
	for c := range m.C {
		for y := range m.H {
			at := m.At(c, y, 0)
			for x, v := range src[(c*m.H+y)*m.W:][:m.W] {
				dst[at+x*Lanes] = v
			}
		}
	}
}

// Unpack is Pack's inverse.
func (m Map) Unpack(dst, src []float32) {
	for c := range m.C {
		for y := range m.H {
			at := m.At(c, y, 0)
			row := dst[(c*m.H+y)*m.W:][:m.W]
			for x := range row {
				row[x] = src[at+x*Lanes]
			}
		}
	}
}
