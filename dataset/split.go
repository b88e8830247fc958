package dataset

import "math"

// firstOfClass chooses n of the images with these labels: the first ones of
// every class, each class getting its share of n.
func firstOfClass(labels []uint16, classes, n int) []bool {
	have := make([]int, classes)
	for _, label := range labels {
		have[label]++
	}
	quota := shares(have, n)
	chosen := make([]bool, len(labels))
	for i, label := range labels {
		if quota[label] > 0 {
			quota[label]--
			chosen[i] = true
		}
	}
	return chosen
}

// shares divides n, at most the sum of weights, in proportion to the weights.
// It rounds the running sums, so the parts add up to exactly n. No part exceeds
// its weight.
func shares(weights []int, n int) []int {
	total := 0
	for _, w := range weights {
		total += w
	}
	parts := make([]int, len(weights))
	sum, given := 0, 0
	for i, w := range weights {
		sum += w
		// sum·n stays far below 2⁶³ for any number of images in memory.
		upTo := sum * n / total
		parts[i] = upTo - given
		given = upTo
	}
	return parts
}

// pick returns a copy of the images with these numbers, or s itself if that is
// all of them.
func (s *Split) pick(numbers []int32) *Split {
	if len(numbers) == s.Len() {
		return s
	}
	p := newSplit(s.Shape, len(numbers))
	for _, i := range numbers {
		p.Images = append(p.Images, s.Image(int(i))...)
		p.Labels = append(p.Labels, s.Labels[i])
	}
	return p
}

// newSplit returns an empty split with room for n images.
func newSplit(shape Shape, n int) *Split {
	return &Split{Shape: shape, Images: make([]uint8, 0, n*shape.Len()), Labels: make([]uint16, 0, n)}
}

// Statistics returns the mean and the standard deviation (of the population, not of a
// sample) of each channel over all pixels, on the 0 to 1 scale. A constant channel gets
// the deviation 1, so that dividing by it is harmless.
func (s *Split) Statistics() (mean, std []float32) {
	mean, std = make([]float32, s.Shape.C), make([]float32, s.Shape.C)
	plane := s.Shape.plane()
	// Counting values first keeps the sums exact in integers, so the order of
	// the images does not matter.
	for c := range mean {
		var count [256]int
		for i := range s.Len() {
			for _, v := range s.Image(i)[c*plane : (c+1)*plane] {
				count[v]++
			}
		}
		var n, sum, squares int
		for v, k := range count {
			n += k
			sum += k * v
			squares += k * v * v
		}
		m := float64(sum) / float64(n)
		deviation := math.Sqrt(float64(squares)/float64(n) - m*m)
		if deviation == 0 {
			deviation = 255
		}
		mean[c], std[c] = float32(m/255), float32(deviation/255)
	}
	return mean, std
}
