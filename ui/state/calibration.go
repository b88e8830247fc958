package state

import (
	"cmp"
	"math"
	"slices"

	"espalier/compress/pipeline"
)

// A Size sums up the draws of one observer at one number of calibration images.
type Size struct {
	Images         int
	Draws          int
	Mean, Min, Max float64 // top-1, fractions
	Float          float64 // top-1 of the same network in fp32
}

// asked is a size that a command wants measured.
type asked struct {
	images   int
	observer string // empty: the experiment's
}

// Asked reports whether a size is about to be measured because of a command.
func (r *Run) Asked(images int, observer string) bool {
	return slices.Contains(r.asked, asked{images, observer}) ||
		slices.Contains(r.asked, asked{images, ""}) && len(r.Info.Observers) > 0 && observer == r.Info.Observers[0]
}

// measure keeps one point per size, draw and observer, the newest.
func (r *Run) measure(p pipeline.CalibrationPoint) {
	if p.Asked {
		r.asked = slices.DeleteFunc(r.asked, func(a asked) bool {
			return a.images == p.Images && (a.observer == "" || a.observer == p.Observer)
		})
	}
	for i, q := range r.Points {
		if q.Images == p.Images && q.Draw == p.Draw && q.Observer == p.Observer {
			r.Points[i] = p
			return
		}
	}
	r.Points = append(r.Points, p)
}

// Observers returns the activation observers, the experiment's first.
func (r *Run) Observers() []string {
	names := slices.Clone(r.Info.Observers)
	for _, p := range r.Points {
		if !slices.Contains(names, p.Observer) {
			names = append(names, p.Observer)
		}
	}
	return names
}

// Sizes returns every size that was measured or is planned, rising.
func (r *Run) Sizes() []int {
	sizes := slices.Clone(r.Info.Sizes)
	for _, p := range r.Points {
		sizes = append(sizes, p.Images)
	}
	slices.Sort(sizes)
	return slices.Compact(sizes)
}

// Curve returns what was measured with one observer, by rising size.
func (r *Run) Curve(observer string) []Size {
	var curve []Size
	for _, p := range r.Points {
		if p.Observer != observer {
			continue
		}
		i := slices.IndexFunc(curve, func(s Size) bool { return s.Images == p.Images })
		if i < 0 {
			curve = append(curve, Size{Images: p.Images, Min: math.Inf(1), Max: math.Inf(-1)})
			i = len(curve) - 1
		}
		s := &curve[i]
		s.Mean = (s.Mean*float64(s.Draws) + p.Top1) / float64(s.Draws+1)
		s.Draws++
		s.Min, s.Max, s.Float = min(s.Min, p.Top1), max(s.Max, p.Top1), p.Float
	}
	slices.SortFunc(curve, func(a, b Size) int { return cmp.Compare(a.Images, b.Images) })
	return curve
}

// Cost estimates the seconds that measuring a size takes: calibration grows
// with the images, evaluation does not. ok is false before the first point.
func (r *Run) Cost(images int) (seconds float64, ok bool) {
	var perImage, evaluate float64
	largest := 0
	for _, p := range r.Points {
		evaluate = p.EvaluateSeconds
		if p.Images >= largest && p.Images > 0 {
			largest, perImage = p.Images, p.CalibrateSeconds/float64(p.Images)
		}
	}
	return perImage*float64(images) + evaluate, largest > 0
}
