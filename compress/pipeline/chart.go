package pipeline

import (
	"bytes"
	"fmt"
	"math"
	"strings"

	"github.com/guptarohit/asciigraph"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
)

// A chart is one of the report's curves, drawn as text and as PNG.
type chart struct {
	file   string
	title  string
	x, y   string // axis names with units
	log    bool   // x is shown as its logarithm
	series []series
}

// A series is a named line; x rises.
type series struct {
	name string
	x, y []float64
}

// charts returns the report's curves: top-1 against sparsity, and against the
// number of calibration images. A curve needs two points.
func charts(s *State) []chart {
	var all []chart
	pruned := series{name: "top-1"}
	if dense := s.Evaluation("dense", "test"); dense != nil {
		pruned.x, pruned.y = append(pruned.x, 0), append(pruned.y, 100*dense.Top1)
	}
	for _, r := range s.Rounds {
		if n := len(pruned.x); n == 0 || 100*r.Sparsity > pruned.x[n-1] {
			pruned.x, pruned.y = append(pruned.x, 100*r.Sparsity), append(pruned.y, 100*r.Top1)
		}
	}
	if len(pruned.x) > 1 {
		all = append(all, chart{
			file: "pruning.png", title: "Top-1 against sparsity", x: "sparsity of all weights (%)", y: "top-1 on test (%)", series: []series{pruned},
		})
	}
	sweep := chart{file: "calibration.png", title: "Int8 top-1 against calibration images", x: "calibration images", y: "top-1 on test (%)", log: true}
	var float series
	for _, m := range Spreads(s.Points) {
		if n := len(sweep.series); n == 0 || sweep.series[n-1].name != m.Observer {
			sweep.series = append(sweep.series, series{name: m.Observer})
		}
		line := &sweep.series[len(sweep.series)-1]
		line.x, line.y = append(line.x, float64(m.Images)), append(line.y, 100*m.Mean)
		if len(sweep.series) == 1 {
			float.x, float.y = append(float.x, float64(m.Images)), append(float.y, 100*m.Float)
		}
	}
	if len(float.x) > 1 {
		float.name = "fp32"
		sweep.series = append(sweep.series, float)
		all = append(all, sweep)
	}
	return all
}

// place returns where x stands on the axis.
func (c chart) place(x float64) float64 {
	if c.log {
		return math.Log10(x)
	}
	return x
}

// bounds returns the range of all series. y is widened so that noise does not
// fill the chart.
func (c chart) bounds() (x0, x1, y0, y1 float64) {
	x0, y0 = math.Inf(1), math.Inf(1)
	x1, y1 = math.Inf(-1), math.Inf(-1)
	for _, s := range c.series {
		for i := range s.x {
			x0, x1 = min(x0, c.place(s.x[i])), max(x1, c.place(s.x[i]))
			y0, y1 = min(y0, s.y[i]), max(y1, s.y[i])
		}
	}
	if margin := (1 - (y1 - y0)) / 2; margin > 0 {
		y0, y1 = y0-margin, y1+margin
	}
	return x0, x1, y0, y1
}

// text draws the chart with asciigraph, whose points are equally spaced: the
// lines are interpolated at each column.
func (c chart) text() string {
	const columns, rows = 64, 12
	x0, x1, y0, y1 := c.bounds()
	var lines [][]float64
	var names []string
	for _, s := range c.series {
		line := make([]float64, columns)
		for i := range line {
			line[i] = c.at(s, x0+(x1-x0)*float64(i)/(columns-1))
		}
		lines = append(lines, line)
		names = append(names, s.name)
	}
	options := []asciigraph.Option{
		asciigraph.Height(rows), asciigraph.LowerBound(y0), asciigraph.UpperBound(y1), asciigraph.Precision(2),
		asciigraph.XAxisRange(x0, x1), asciigraph.XAxisTickCount(6),
		asciigraph.XAxisValueFormatter(func(x float64) string {
			if c.log {
				x = math.Round(math.Pow(10, x))
			}
			return fmt.Sprintf("%.0f", x)
		}),
	}
	if len(lines) == 1 {
		return asciigraph.Plot(lines[0], options...) + "\n" + c.y + " against " + c.x
	}
	marks := []string{"─", "+", "*", "·"}
	var sets []asciigraph.CharSet
	for i := range lines {
		mark := marks[i%len(marks)]
		names[i] = fmt.Sprintf("%s %s", mark, names[i])
		if i == 0 {
			sets = append(sets, asciigraph.DefaultCharSet)
		} else {
			sets = append(sets, asciigraph.CreateCharSet(mark))
		}
	}
	drawn := asciigraph.PlotMany(lines, append(options, asciigraph.SeriesChars(sets...))...)
	return fmt.Sprintf("%s\n%s against %s:  %s", drawn, c.y, c.x, strings.Join(names, "   "))
}

// at interpolates a series at a place on the axis. Outside the series it returns
// NaN.
func (c chart) at(s series, x float64) float64 {
	const tolerance = 1e-9
	for i := 1; i < len(s.x); i++ {
		a, b := c.place(s.x[i-1]), c.place(s.x[i])
		if x >= a-tolerance && x <= b+tolerance {
			return s.y[i-1] + (s.y[i]-s.y[i-1])*(x-a)/(b-a)
		}
	}
	return math.NaN()
}

// png draws the chart with gonum/plot. The same data give the same bytes.
func (c chart) png() ([]byte, error) {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = c.title, c.x, c.y
	_, _, p.Y.Min, p.Y.Max = c.bounds()
	if c.log {
		p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	}
	p.Add(plotter.NewGrid())
	for i, s := range c.series {
		points := make(plotter.XYs, len(s.x))
		for j := range s.x {
			points[j].X, points[j].Y = s.x[j], s.y[j]
		}
		line, marks, err := plotter.NewLinePoints(points)
		if err != nil {
			return nil, err
		}
		line.Color, line.Width, line.Dashes = plotutil.Color(i), vg.Points(1.5), plotutil.Dashes(i)
		marks.Color, marks.Shape = plotutil.Color(i), plotutil.Shape(i)
		p.Add(line, marks)
		p.Legend.Add(s.name, line, marks)
	}
	writer, err := p.WriterTo(18*vg.Centimeter, 11*vg.Centimeter, "png")
	if err != nil {
		return nil, err
	}
	var picture bytes.Buffer
	if _, err := writer.WriteTo(&picture); err != nil {
		return nil, err
	}
	return picture.Bytes(), nil
}
