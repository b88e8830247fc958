package picture

import (
	"encoding/xml"
	"errors"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/sfnt"

	"espalier/ui/grid"
	"espalier/ui/theme"
)

func TestSVGIsWellFormedAndKeepsTextInItsCells(t *testing.T) {
	g := grid.New(12, 2)
	g.Text(0, 0, "a<b  c─── ⣿", theme.Strong, 12)
	g.Text(1, 1, "日 x", theme.Selected, 11)
	var b strings.Builder
	if err := SVG(&b, g, theme.Dark, "a & b"); err != nil {
		t.Fatal(err)
	}
	for d := xml.NewDecoder(strings.NewReader(b.String())); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%v in\n%s", err, b.String())
		}
	}
	for _, want := range []string{
		`<title>a &amp; b</title>`,
		`x="0" y="13.5" textLength="27">a&lt;b</text>`, // three cells
		`x="45" y="13.5" textLength="9">c</text>`,      // after two blanks
		`M54 8.5h27v1h-27z`,                            // three lines are one box
		`x="9" y="31.5" textLength="36">日 x</text>`,    // a wide rune has two cells
		`<rect x="9" y="18" width="36" height="18"`,    // behind reversed text
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%s is missing in\n%s", want, b.String())
		}
	}
}

// colours matches the escape sequences of coloured frames.
var colours = regexp.MustCompile(`\x1b\[[0-9;]*m`)

// Every rune of the golden frames is drawn from geometry or is in the font.
func TestPicturesLackNoGlyph(t *testing.T) {
	font, err := sfnt.Parse(gomono.TTF)
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("../testdata/*.golden")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d golden frames: %v", len(files), err)
	}
	var buffer sfnt.Buffer
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range colours.ReplaceAllString(string(text), "") {
			if other, ok := instead[r]; ok {
				r = other
			}
			if _, ok := shapeOf(r); ok || r == '\n' {
				continue
			}
			if i, err := font.GlyphIndex(&buffer, r); i == 0 || err != nil {
				t.Errorf("%s: %c (%U) has neither a shape nor a glyph", file, r, r)
			}
		}
	}
}

func TestPNGShowsWhatIsInTheCells(t *testing.T) {
	g := grid.New(3, 1)
	g.Set(1, 0, '█', theme.Good)
	var b strings.Builder
	if err := PNG(&b, g, theme.Dark); err != nil {
		t.Fatal(err)
	}
	picture, err := png.Decode(strings.NewReader(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	paper, inks := theme.Inks(theme.Dark)
	for column, want := range []string{paper, inks[theme.Good].Colour, paper} {
		x, y := zoom*(margin+column*cellW+4), zoom*(margin+9)
		r, gr, b, _ := picture.At(x, y).RGBA()
		c := parse(want)
		if uint8(r>>8) != c.R || uint8(gr>>8) != c.G || uint8(b>>8) != c.B {
			t.Errorf("cell %d has the colour %02x%02x%02x, want %s", column, r>>8, gr>>8, b>>8, want)
		}
	}
}

// Boxes and polygons stay inside their cell, and so never touch a neighbour's.
func TestShapesStayInTheirCells(t *testing.T) {
	for r := rune(0x2500); r <= 0x28ff; r++ {
		s, _ := shapeOf(r)
		for _, b := range s.boxes {
			if b.x < 0 || b.y < 0 || b.x+b.w > cellW || b.y+b.h > cellH || b.w <= 0 || b.h <= 0 {
				t.Errorf("%c has the box %+v", r, b)
			}
		}
		for _, polygon := range s.polygons {
			for _, p := range polygon {
				if p.x < 0 || p.y < 0 || p.x > cellW || p.y > cellH {
					t.Errorf("%c has the point %+v", r, p)
				}
			}
		}
	}
}
