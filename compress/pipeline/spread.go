package pipeline

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"gonum.org/v1/gonum/stat"
)

// A Spread sums up the draws of one calibration size of the sweep, by one observer.
// Its values are top-1 as fractions.
type Spread struct {
	Observer  string
	Images    int
	Draws     int
	Mean      float64
	Low, High float64
	Deviation float64 // of the sample; NaN for one draw
	Float     float64 // of the network in fp32
}

// Spreads sums up the sweep's points, without those that a command asked for. They
// are sorted by observer and then by size.
func Spreads(points []CalibrationPoint) []Spread {
	type key struct {
		observer string
		images   int
	}
	tops, floats := make(map[key][]float64), make(map[key]float64)
	for _, p := range points {
		if !p.Asked {
			k := key{p.Observer, p.Images}
			tops[k] = append(tops[k], p.Top1)
			floats[k] = p.Float
		}
	}
	var all []Spread
	for k, top1 := range tops {
		mean, deviation := stat.MeanStdDev(top1, nil)
		all = append(all, Spread{
			Observer: k.observer, Images: k.images, Draws: len(top1), Mean: mean, Low: slices.Min(top1), High: slices.Max(top1),
			Deviation: deviation, Float: floats[k],
		})
	}
	slices.SortFunc(all, func(a, b Spread) int {
		return cmp.Or(strings.Compare(a.Observer, b.Observer), cmp.Compare(a.Images, b.Images))
	})
	return all
}

// DeviationText writes the deviation in percentage points, or a dash for one draw.
func (s Spread) DeviationText() string {
	if s.Draws < 2 {
		return "–"
	}
	return fmt.Sprintf("%.2f", 100*s.Deviation)
}
