package state

import (
	"fmt"
	"math"

	"espalier/compress/pipeline"
	"espalier/internal/finite"
)

// scansKept bounds how many scans of the layers are kept.
const scansKept = 64

func (r *Run) addScan(s pipeline.Sensitivity) {
	if r.scans = append(r.scans, s); len(r.scans) > scansKept {
		r.scans = r.scans[1:]
	}
}

// Sensitivity returns the newest scan of the layers at or before a global step,
// and whether there is one.
func (r *Run) Sensitivity(step int) (pipeline.Sensitivity, bool) {
	for i := len(r.scans) - 1; i >= 0; i-- {
		if r.scans[i].GlobalStep <= step {
			return r.scans[i], true
		}
	}
	return pipeline.Sensitivity{}, false
}

// ScanCost estimates the seconds that a scan takes: what the last one took, or
// by the time that evaluating the dense network took. ok is false while nothing
// was evaluated.
func (r *Run) ScanCost() (seconds float64, ok bool) {
	if n := len(r.scans); n > 0 {
		return r.scans[n-1].Seconds, true
	}
	if r.Dense == nil || r.Dense.Total == 0 {
		return 0, false
	}
	images := min(pipeline.SensitivityImages, max(r.Data.Validation, 1))
	if r.Data.Validation == 0 {
		images = pipeline.SensitivityImages
	}
	return r.Dense.Seconds / float64(r.Dense.Total) * float64(images*(len(r.Info.Layers)+1)), true
}

// rise returns how much higher the loss is without half of a layer: +Inf where
// it is not finite any more, NaN where that is not known.
func rise(s pipeline.Sensitivity, layer string) float64 {
	for _, l := range s.Layers {
		switch {
		case l.Name != layer || !finite.Is(s.Loss):
		case !finite.Is(l.Loss):
			return math.Inf(1)
		default:
			return float64(l.Loss - s.Loss)
		}
	}
	return math.NaN()
}

// scanText sums up a scan of the layers, and names the most sensitive one.
func scanText(s pipeline.Sensitivity) (text, layer string) {
	most, least, calm := math.Inf(-1), math.Inf(1), ""
	for _, l := range s.Layers {
		d := rise(s, l.Name)
		if d > most {
			most, layer = d, l.Name
		}
		if d < least {
			least, calm = d, l.Name
		}
	}
	switch {
	case layer == "":
		return "sensitivity: the network's own loss is not finite", ""
	case calm == "":
		calm = layer
	}
	return fmt.Sprintf("most sensitive: %s, loss %s without the smaller half of its weights; least: %s, %s",
		layer, Rise(most), calm, Rise(least)), layer
}

// Rise writes how much a loss rises, with its sign, in at most six cells: +0.063;
// a dash where that is not known.
func Rise(d float64) string {
	digits := 3
	switch size := math.Abs(d); {
	case math.IsNaN(d):
		return "–"
	case size < 0.0005:
		return "±0.000"
	case size >= 9999.5:
		return minus(fmt.Sprintf("%+.0e", d))
	case size >= 99.95:
		digits = 0
	case size >= 9.9995:
		digits = 2
	}
	return minus(fmt.Sprintf("%+.*f", digits, d))
}
