package pipeline

import (
	"maps"
	"slices"
	"time"

	"espalier/compress/quantize"
)

// A drawn is one draw of calibration images, which all observers saw in one pass.
type drawn struct {
	number int // from 1
	sizes  []drawnSize
}

// A drawnSize is what the observers found on the first images of a draw.
type drawnSize struct {
	images  int
	found   map[string]*quantize.Calibration // by observer
	seconds float64                          // since the size before
}

// sweep measures every calibration size, draw and observer: first one pass over
// the images of each draw, for all sizes and observers, then the networks.
func (r *runner) sweep(float float64) error {
	sizes := capSizes(r.e.Sweep.Sizes, r.data.Train.Len())
	if len(sizes) == 0 {
		return nil
	}
	defer r.begin(StageSweep, 0, "")()
	var draws []*drawn
	for number := range r.e.Sweep.Draws {
		d, err := r.draw(r.e.Sweep.Observers, number+1, sizes)
		if err != nil {
			return err
		}
		draws = append(draws, d)
	}
	for _, observer := range r.e.Sweep.Observers {
		for _, d := range draws {
			if err := r.curve(d, observer, float, false); err != nil {
				return err
			}
		}
	}
	return nil
}

// draw observes a draw of calibration images. Of the first draw it publishes what
// several observers find.
func (r *runner) draw(observers []string, number int, sizes []int) (*drawn, error) {
	d, began, observed := &drawn{number: number}, time.Now(), 0
	var race []*quantize.Calibration
	err := r.observe(number, sizes, observers, func(c *quantize.Calibration) error {
		if race = append(race, c); len(race) < len(observers) {
			return nil
		}
		if number == 1 && len(observers) > 1 {
			r.hub.Publish(r.race(race))
		}
		size := drawnSize{images: c.Images, found: map[string]*quantize.Calibration{}, seconds: time.Since(began).Seconds()}
		for _, c := range race {
			c.Counts = nil // megabytes, by now of no use
			size.found[c.Observer] = c
		}
		d.sizes = append(d.sizes, size)
		r.estimate.add(observeWork, c.Images-observed, size.seconds)
		r.control.answered += c.Images - observed
		race, began, observed = nil, time.Now(), c.Images
		return nil
	})
	return d, err
}

// curve measures the networks that one observer makes of a draw.
func (r *runner) curve(d *drawn, observer string, float float64, asked bool) error {
	for _, size := range d.sizes {
		began := time.Now()
		net, err := quantize.Build(r.net, size.found[observer], r.recipe)
		if err != nil {
			return err
		}
		t, err := r.tallyInteger(net, r.data.Test)
		if err != nil {
			return err
		}
		r.hub.Publish(CalibrationPoint{
			Images: size.images, Draw: d.number, Observer: observer, Top1: t.Top1(), Correct: t.Correct, Total: t.Total,
			Float: float, CalibrateSeconds: size.seconds, EvaluateSeconds: time.Since(began).Seconds(), Asked: asked,
		})
	}
	return nil
}

// race describes what observers found for the same values.
func (r *runner) race(all []*quantize.Calibration) Race {
	race := Race{Images: all[0].Images}
	for _, point := range slices.Sorted(maps.Keys(all[0].Counts)) {
		counts := all[0].Counts[point]
		a := ObservedRace{
			Point: point, Min: float64(counts.Seen.Min), Max: float64(counts.Seen.Max), Histogram: counts.Histogram(histogramBins),
		}
		for _, c := range all {
			found := c.Ranges[point]
			q := r.recipe.Activation(found)
			a.Ranges = append(a.Ranges, ObservedRange{c.Observer, Range{
				Min: float64(found.Min), Max: float64(found.Max), Scale: float64(q.Scale), ZeroPoint: int(q.Zero),
			}})
		}
		race.Activations = append(race.Activations, a)
	}
	return race
}

// observers returns the names of those that race.
func (b Race) observers() []string {
	var names []string
	if len(b.Activations) > 0 {
		for _, o := range b.Activations[0].Ranges {
			names = append(names, o.Observer)
		}
	}
	return names
}
