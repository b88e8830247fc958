package report

import (
	"fmt"
	"html/template"
	"slices"
	"strings"

	"espalier/compress/pipeline"
	"espalier/internal/plural"
)

// quantization tells of the int8 network and of the calibration sweep.
func (r *run) quantization() section {
	sec := section{ID: "quantization", Title: "Quantization"}
	if q := r.state.Quantized; q != nil {
		sec.Text = append(sec.Text, fmt.Sprintf("Recipe %s, %s observer on %s: int8 top-1 %s, fp32 %s, difference %s points. Weights and biases take %s bytes instead of %s.",
			q.Recipe, q.Observer, plural.Count(q.Images, "image"), pipeline.Percent(q.Top1), pipeline.Percent(q.Float), pipeline.Points(q.Top1-q.Float), plural.Thousands(q.Int8Bytes), plural.Thousands(q.FloatBytes)))
	}
	sizes := pipeline.Spreads(r.state.Points)
	if len(sizes) == 0 {
		return sec
	}
	c := chart{title: "Int8 top-1 against calibration images", x: "calibration images", y: "top-1 on test (%)", logX: true}
	t := table{Head: heads("observer", ">images", ">draws", ">int8 top-1", ">lowest", ">highest", ">deviation", ">against fp32")}
	var float line
	for _, s := range sizes {
		if n := len(c.lines); n == 0 || c.lines[n-1].name != s.Observer {
			c.lines = append(c.lines, line{name: s.Observer, class: fmt.Sprintf("s%d", n%4+1)})
		}
		l := &c.lines[len(c.lines)-1]
		l.x, l.y = append(l.x, float64(s.Images)), append(l.y, 100*s.Mean)
		l.low, l.high = append(l.low, 100*s.Low), append(l.high, 100*s.High)
		if len(c.lines) == 1 {
			float.x, float.y = append(float.x, float64(s.Images)), append(float.y, 100*s.Float)
		}
		t.Rows = append(t.Rows, []cell{left(s.Observer), right("%s", plural.Thousands(s.Images)), right("%d", s.Draws), right("%s", pipeline.Percent(s.Mean)),
			right("%s", pipeline.Percent(s.Low)), right("%s", pipeline.Percent(s.High)), right("%s", s.DeviationText()), right("%s", pipeline.Points(s.Mean-s.Float))})
	}
	float.name, float.class = "fp32", "mute"
	c.lines = append(c.lines, float)
	sec.Text = append(sec.Text, "The sweep calibrates on more and more training images; a band goes from the lowest to the highest of the draws.")
	sec.Charts, sec.Tables = []template.HTML{c.svg()}, []table{t}
	return sec
}

// sparkWidth and sparkHeight are the size of a layer's drawing of scales.
const sparkWidth, sparkHeight, sparkChannels = 128.0, 22.0, 64

// scalesSection shows every layer's weight scales by channel.
func (r *run) scalesSection() section {
	sec := section{ID: "scales", Title: "Scales by channel"}
	var layers []pipeline.Scales
	for _, l := range r.state.Started.Layers {
		if s, ok := r.scales[l.Name]; ok && len(s.Channels) > 0 {
			layers = append(layers, s)
		}
	}
	if len(layers) == 0 {
		return sec
	}
	sec.Text = []string{"Int8 weight scales of every output channel: smallest, median, largest. The SNR is that of the int8 weights; the cost is what one scale for all channels would take from it. Range is the output's, over the calibration images."}
	t := table{Head: heads("layer", ">channels", ">smallest", ">median", ">largest", ">largest ÷ median", ">SNR (dB)", ">cost of one scale (dB)", ">range")}
	for _, s := range layers {
		scales := make([]float64, len(s.Channels))
		for i, c := range s.Channels {
			scales[i] = c.Scale
		}
		slices.Sort(scales)
		least, middle, most := scales[0], scales[len(scales)/2], scales[len(scales)-1]
		snr := "exact"
		if s.SNR != 0 {
			snr = fmt.Sprintf("%.1f", s.SNR)
		}
		t.Rows = append(t.Rows, []cell{left(s.Layer), right("%d", len(scales)), right("%.3g", least), right("%.3g", middle), right("%.3g", most),
			right("%.2f", most/middle), right("%s", snr), right("%.1f", s.PerTensorCost), right("%.3g to %.3g", s.Activation.Min, s.Activation.Max)})
	}
	sec.Tables = []table{t}
	sec.Drawing, sec.Drawn = drawScales(layers), "scales of all channels, each layer's largest as tall as its row"
	sec.Large = len(layers) > 60
	return sec
}

// drawScales draws a bar for every channel of every layer, as tall as its scale
// is beside the layer's largest.
func drawScales(layers []pipeline.Scales) template.HTML {
	const columns, rowHeight, columnWidth = 4, 44.0, 180.0
	rows := (len(layers) + columns - 1) / columns
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %g %g" role="img" aria-label="weight scales by channel">`, columns*columnWidth, float64(rows)*rowHeight)
	for i, s := range layers {
		x, y := float64(i%columns)*columnWidth, float64(i/columns)*rowHeight
		scales := make([]float64, len(s.Channels))
		for c := range scales {
			scales[c] = s.Channels[c].Scale
		}
		if len(scales) > sparkChannels { // the largest of neighbouring channels
			wide := scales
			scales = make([]float64, sparkChannels)
			for c := range scales {
				scales[c] = slices.Max(wide[c*len(wide)/sparkChannels : (c+1)*len(wide)/sparkChannels])
			}
		}
		most := slices.Max(scales)
		width := sparkWidth / float64(len(scales))
		var path strings.Builder
		for c, v := range scales {
			fmt.Fprintf(&path, "M%.1f %.1fv%.1f", x+(float64(c)+0.5)*width, y+16+sparkHeight, -max(sparkHeight*v/most, 0.4))
		}
		fmt.Fprintf(&b, `<text class="tiny" x="%g" y="%g">%s</text><path class="line s1" style="stroke-width:%.1f" d="%s"/>`, x, y+11, template.HTMLEscapeString(s.Layer), max(width*0.7, 0.8), path.String())
	}
	b.WriteString("</svg>")
	return template.HTML(b.String())
}
