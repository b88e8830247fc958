package report

import (
	"fmt"
	"html"
	"html/template"
	"math"
	"strings"

	"espalier/internal/finite"
)

// A chart is curves over one axis, drawn as SVG.
type chart struct {
	title, x, y string // with units
	logX        bool
	fromZero    bool // the y axis begins at 0
	lines       []line
	marks       []mark
}

// A line is a named curve; x rises. Values that are not finite leave gaps.
type line struct {
	name      string
	class     string // of its colour: s1 to s4, or mute
	x, y      []float64
	low, high []float64 // of a band around it, or nil
	dots      bool      // points instead of a curve
	labels    []string  // beside the dots, or nil
	faint     []bool    // dots that are dimmed, or nil
	about     []string  // that a dot says of itself, or nil
}

// A mark is a vertical line where something happens.
type mark struct {
	x    float64
	text string
}

// The drawing area within the picture, in its own units.
const (
	chartWidth, chartHeight     = 640.0, 300.0
	chartLeft, chartRight       = 58.0, 14.0
	chartTop, chartBottom       = 14.0, 44.0
	plotWidth                   = chartWidth - chartLeft - chartRight
	plotHeight                  = chartHeight - chartTop - chartBottom
	maxPoints               int = 300 // of a curve
)

// frame maps values to places in a picture.
type frame struct {
	x0, x1, y0, y1 float64
	log            bool
}

func (f frame) left(x float64) float64 {
	if f.log {
		return chartLeft + plotWidth*(math.Log10(x)-math.Log10(f.x0))/(math.Log10(f.x1)-math.Log10(f.x0))
	}
	return chartLeft + plotWidth*(x-f.x0)/(f.x1-f.x0)
}

func (f frame) top(y float64) float64 { return chartTop + plotHeight*(1-(y-f.y0)/(f.y1-f.y0)) }

// frame returns the range of all lines with a margin; not ok without a finite
// point.
func (c chart) frame() (f frame, ok bool) {
	f = frame{math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1), c.logX}
	for _, l := range c.lines {
		for i, x := range l.x {
			ys := []float64{l.y[i]}
			if l.low != nil {
				ys = append(ys, l.low[i], l.high[i])
			}
			for _, y := range ys {
				if finite.Is(y) && finite.Is(x) && (x > 0 || !c.logX) {
					f.x0, f.x1 = min(f.x0, x), max(f.x1, x)
					f.y0, f.y1 = min(f.y0, y), max(f.y1, y)
				}
			}
		}
	}
	if math.IsInf(f.x0, 1) {
		return f, false
	}
	switch {
	case c.logX && f.x1 == f.x0:
		f.x0, f.x1 = f.x0/2, f.x1*2
	case f.x1 == f.x0:
		f.x0, f.x1 = f.x0-1, f.x1+1
	case !c.logX && c.lines[0].dots: // dots need room at the sides
		margin := (f.x1 - f.x0) * 0.06
		f.x0, f.x1 = f.x0-margin, f.x1+margin
	}
	margin := (f.y1 - f.y0) * 0.06
	if margin == 0 {
		margin = max(math.Abs(f.y0)*0.05, 1e-6)
	}
	f.y0, f.y1 = f.y0-margin, f.y1+margin
	if c.fromZero {
		f.y0 = 0
	}
	return f, true
}

// svg draws the chart with its legend, or returns nothing where it has no point.
func (c chart) svg() template.HTML {
	f, ok := c.frame()
	if !ok {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<figure><figcaption>%s</figcaption><svg viewBox="0 0 %g %g" role="img" aria-label="%[1]s">`, html.EscapeString(c.title), chartWidth, chartHeight)
	c.axes(&b, f)
	for _, m := range c.marks {
		if m.x < f.x0 || m.x > f.x1 {
			continue
		}
		x := f.left(m.x)
		fmt.Fprintf(&b, `<path class="mark" d="M%.1f %gV%g"/><text class="tiny" x="%.1f" y="%g">%s</text>`, x, chartTop, chartTop+plotHeight, x+3, chartTop+9, html.EscapeString(m.text))
	}
	for _, l := range c.lines {
		l.draw(&b, f)
	}
	b.WriteString("</svg>")
	if len(c.lines) > 1 || c.lines[0].name != "" {
		b.WriteString(`<p class="legend">`)
		for _, l := range c.lines {
			fmt.Fprintf(&b, `<span class="%s">%s</span> `, l.class, html.EscapeString(l.name))
		}
		b.WriteString("</p>")
	}
	b.WriteString("</figure>")
	return template.HTML(b.String())
}

// axes draws the grid with its numbers, and the names of both axes.
func (c chart) axes(b *strings.Builder, f frame) {
	for _, y := range ticks(f.y0, f.y1) {
		fmt.Fprintf(b, `<path class="grid" d="M%g %.1fH%g"/><text class="tick end" x="%g" y="%.1f">%s</text>`, chartLeft, f.top(y), chartLeft+plotWidth, chartLeft-6, f.top(y)+4, number(y))
	}
	at := ticks(f.x0, f.x1)
	if f.log {
		at = decades(f.x0, f.x1)
	}
	for _, x := range at {
		fmt.Fprintf(b, `<path class="grid" d="M%.1f %gV%g"/><text class="tick mid" x="%.1f" y="%g">%s</text>`, f.left(x), chartTop, chartTop+plotHeight, f.left(x), chartTop+plotHeight+15, number(x))
	}
	fmt.Fprintf(b, `<text class="axis mid" x="%g" y="%g">%s</text>`, chartLeft+plotWidth/2, chartHeight-8, html.EscapeString(c.x))
	fmt.Fprintf(b, `<text class="axis mid" transform="translate(12 %g) rotate(-90)">%s</text>`, chartTop+plotHeight/2, html.EscapeString(c.y))
}

// draw draws a curve with its band, or dots.
func (l line) draw(b *strings.Builder, f frame) {
	if l.dots {
		l.drawDots(b, f)
		return
	}
	if l.low != nil {
		var band, back string
		for i := range l.x {
			if finite.Is(l.low[i]) && finite.Is(l.high[i]) {
				band += fmt.Sprintf(" %.1f,%.1f", f.left(l.x[i]), f.top(l.high[i]))
				back = fmt.Sprintf(" %.1f,%.1f", f.left(l.x[i]), f.top(l.low[i])) + back
			}
		}
		fmt.Fprintf(b, `<polygon class="band %s" points="%s"/>`, l.class, strings.TrimSpace(band+back))
	}
	var path strings.Builder
	pen := "M"
	for i := range l.x {
		if !finite.Is(l.y[i]) {
			pen = "M"
			continue
		}
		fmt.Fprintf(&path, "%s%.1f %.1f", pen, f.left(l.x[i]), f.top(l.y[i]))
		pen = "L"
	}
	fmt.Fprintf(b, `<path class="line %s" d="%s"/>`, l.class, path.String())
	if len(l.x) <= 24 {
		for i := range l.x {
			if finite.Is(l.y[i]) {
				fmt.Fprintf(b, `<circle class="dot %s" cx="%.1f" cy="%.1f" r="3"/>`, l.class, f.left(l.x[i]), f.top(l.y[i]))
			}
		}
	}
}

func (l line) drawDots(b *strings.Builder, f frame) {
	for i := range l.x {
		if !finite.Is(l.x[i]) || !finite.Is(l.y[i]) {
			continue
		}
		class := l.class
		if l.faint != nil && l.faint[i] {
			class += " faint"
		}
		fmt.Fprintf(b, `<circle class="dot %s" cx="%.1f" cy="%.1f" r="5">`, class, f.left(l.x[i]), f.top(l.y[i]))
		if l.about != nil && l.about[i] != "" {
			fmt.Fprintf(b, `<title>%s</title>`, html.EscapeString(l.about[i]))
		}
		b.WriteString("</circle>")
		if l.labels != nil && l.labels[i] != "" {
			anchor, x := "", f.left(l.x[i])+8
			if x > chartLeft+plotWidth*0.8 {
				anchor, x = " end", x-16
			}
			fmt.Fprintf(b, `<text class="tick%s" x="%.1f" y="%.1f">%s</text>`, anchor, x, f.top(l.y[i])-7, html.EscapeString(l.labels[i]))
		}
	}
}

// ticks returns some five round numbers between two.
func ticks(low, high float64) []float64 {
	step := math.Pow(10, math.Floor(math.Log10((high-low)/5)))
	for _, times := range []float64{1, 2, 5, 10} {
		if (high-low)/(step*times) <= 6 {
			step *= times
			break
		}
	}
	var all []float64
	for i := math.Ceil(low / step); i*step <= high+step*1e-9; i++ {
		all = append(all, i*step)
	}
	return all
}

// decades returns powers of ten between two positive numbers, or both where
// there is none.
func decades(low, high float64) []float64 {
	var all []float64
	for e := math.Ceil(math.Log10(low) - 1e-9); e <= math.Log10(high)+1e-9; e++ {
		all = append(all, math.Pow(10, e))
	}
	if len(all) == 0 {
		return []float64{low, high}
	}
	return all
}

// number writes a tick without what rounding left.
func number(v float64) string {
	if math.Abs(v) < 1e-12 {
		return "0"
	}
	if a := math.Abs(v); a >= 1e4 && a < 1e7 {
		return fmt.Sprintf("%gk", math.Round(v)/1e3)
	}
	return strings.Replace(fmt.Sprintf("%.4g", v), "-", "−", 1)
}

// thin returns a curve of at most n points: means of equal parts of the points,
// and the smallest and largest of each part, which are nil where all points are
// kept. Values that are not finite are left out of their part.
func thin(x, y []float64, n int) (mx, mean, low, high []float64) {
	if len(x) <= n {
		return x, y, nil, nil
	}
	for i := range n {
		a, b := i*len(x)/n, (i+1)*len(x)/n
		sum, count, least, most := 0.0, 0.0, math.Inf(1), math.Inf(-1)
		for _, v := range y[a:b] {
			if finite.Is(v) {
				sum, count, least, most = sum+v, count+1, min(least, v), max(most, v)
			}
		}
		if count == 0 {
			sum, least, most = math.NaN(), math.NaN(), math.NaN()
		}
		mx, mean = append(mx, x[(a+b-1)/2]), append(mean, sum/max(count, 1))
		low, high = append(low, least), append(high, most)
	}
	return mx, mean, low, high
}
