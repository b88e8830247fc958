package pipeline

import (
	"math"

	"espalier/configs"
)

// work is a kind of computation whose time is proportional to the number of images.
type work int

const (
	trainWork work = iota
	inferWork
	observeWork
	int8Work
	works
)

// cost is the time for one image relative to training on it. It stands in for
// speeds that have not been measured yet.
var cost = [works]float64{trainWork: 1, inferWork: 0.2, observeWork: 0.5, int8Work: 0.15}

// An estimate says how much of a run is done and how long the rest takes.
type estimate struct {
	total, done [works]float64 // images
	seconds     [works]float64 // spent on done images in this process
	measured    [works]float64 // images that seconds were spent on
}

// newEstimate adds up the work of a whole experiment.
func newEstimate(e configs.Experiment) *estimate {
	s := &estimate{}
	train := expectedTrain(e)
	all, test := expectedImages(e.Data.Set)
	if e.Data.Test > 0 {
		test = min(test, e.Data.Test)
	}
	validation := float64(e.Data.Validation) + e.Data.ValidationShare*float64(all)
	training := func(epochs float64) {
		s.total[trainWork] += epochs * float64(train)
		s.total[inferWork] += math.Ceil(epochs) * validation
	}
	training(e.Dense.Epochs[0])
	s.total[inferWork] += float64(test) + validation
	for _, round := range e.Plan() {
		training(round.FineTune.Epochs[0])
		s.total[inferWork] += 2*validation + float64(test)
	}
	for range e.QAT.Widths {
		training(e.QAT.Train.Epochs[0])
		s.total[observeWork] += float64(min(e.Quantize.Images, train))
		s.total[int8Work] += validation + float64(test)
	}
	s.total[observeWork] += float64(min(e.Quantize.Images, train))
	s.total[int8Work] += float64(test)
	if sizes := capSizes(e.Sweep.Sizes, train); len(sizes) > 0 {
		s.total[observeWork] += float64(e.Sweep.Draws * sizes[len(sizes)-1])
		s.total[int8Work] += float64(e.Sweep.Draws * len(e.Sweep.Observers) * len(sizes) * test)
	}
	return s
}

// add notes that images took so many seconds.
func (s *estimate) add(w work, images int, seconds float64) {
	s.done[w] += float64(images)
	s.total[w] = max(s.total[w], s.done[w])
	s.seconds[w] += seconds
	s.measured[w] += float64(images)
}

// skip notes images that are left out, or that an earlier process worked on.
func (s *estimate) skip(w work, images float64) {
	s.done[w] = min(s.total[w], s.done[w]+images)
}

// overall returns the share of the work that is done, 0 to 1, by cost.
func (s *estimate) overall() float64 {
	var done, total float64
	for w := range works {
		done += cost[w] * s.done[w]
		total += cost[w] * s.total[w]
	}
	if total == 0 {
		return 0
	}
	return done / total
}

// remaining returns the seconds that the rest takes at the speeds measured so
// far, and 0 before the first measurement.
func (s *estimate) remaining() float64 {
	// One unit of cost takes this long, for the kinds not measured yet.
	var units, seconds float64
	for w := range works {
		units += cost[w] * s.measured[w]
		seconds += s.seconds[w]
	}
	if units == 0 {
		return 0
	}
	var rest float64
	for w := range works {
		each := cost[w] * seconds / units
		if s.measured[w] > 0 {
			each = s.seconds[w] / s.measured[w]
		}
		rest += (s.total[w] - s.done[w]) * each
	}
	return rest
}
