package dataset

import (
	"image"
	"image/color"
	"image/png"
	"os"
	"testing"
)

// TestContactSheet writes the first images of shapes10 as a PNG to the file
// named by ESPALIER_SHEET, one class a column, to be looked at.
func TestContactSheet(t *testing.T) {
	path := os.Getenv("ESPALIER_SHEET")
	if path == "" {
		t.Skip("ESPALIER_SHEET names no file to write a contact sheet to")
	}
	const rows, columns, zoom, gap = 12, 10, 2, 4
	cell := side*zoom + gap
	m := image.NewRGBA(image.Rect(0, 0, columns*cell+gap, rows*cell+gap))
	s := drawShapes(1, drawTrain, shapesTrain, rows*columns, 0)
	for i := range s.Len() {
		px := s.Image(i)
		x0, y0 := gap+i%columns*cell, gap+i/columns*cell
		for y := range side * zoom {
			for x := range side * zoom {
				at := y/zoom*side + x/zoom
				m.SetRGBA(x0+x, y0+y, color.RGBA{px[at], px[plane+at], px[2*plane+at], 255})
			}
		}
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := png.Encode(f, m); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}
