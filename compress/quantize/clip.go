package quantize

import "math"

// SmallestClip is the smallest share that ranges of weights are cut to.
const SmallestClip = 0.05

// ClippedWeights is Weights with every range cut to a share of its largest
// magnitude, SmallestClip to 1: scales are that much finer, and weights beyond
// the range saturate. With the share 1 it is Weights.
func (r Recipe) ClippedWeights(weight []float32, out int, share float64) (codes []int8, scales []float32) {
	fan := len(weight) / out
	codes, scales = make([]int8, len(weight)), r.ranges(weight, out)
	for o, most := range scales {
		scales[o] = r.weightScale(float32(share) * most)
	}
	for i, w := range weight {
		codes[i] = r.weightCode(w, scales[i/fan])
	}
	return codes, scales
}

// ranges returns the largest magnitude that each channel's scale is made of.
func (r Recipe) ranges(weight []float32, out int) []float32 {
	fan := len(weight) / out
	most := make([]float32, out)
	for o := range most {
		most[o] = maxAbs(weight[o*fan : (o+1)*fan])
	}
	if r.PerTensor {
		all := maxAbs(most)
		for o := range most {
			most[o] = all
		}
	}
	return most
}

// BestClip returns the multiple of SmallestClip, up to 1, that leaves the least
// noise when all ranges of a layer are cut to it, and that noise. Of equal ones
// it is the largest.
//
// It tries them all for the smallest squared error, as OMSE does (Choukroun et
// al. 2019, "Low-bit Quantization of Neural Networks for Efficient Inference").
// Banner et al. (2019, "Post training 4-bit quantization of convolutional
// networks for rapid-deployment") derive such a range from the weights'
// distribution: finer rounding is weighed against saturation. At 8 bits there
// is little to win, most of it where a channel has outliers.
func (r Recipe) BestClip(weight []float32, out int) (share, noise float64) {
	steps := int(math.Round(1 / SmallestClip))
	ranges, fan := r.ranges(weight, out), len(weight)/out
	noise = math.Inf(1)
	for i := steps; i >= 1; i-- {
		s, sum := float64(i)/float64(steps), 0.0
		for o := 0; o < out && sum < noise; o++ { // seldom to the end
			scale := r.weightScale(float32(s) * ranges[o])
			for _, w := range weight[o*fan : (o+1)*fan] {
				sum += rounding(w, r.weightCode(w, scale), scale)
			}
		}
		if sum < noise {
			share, noise = s, sum
		}
	}
	return share, noise
}

// Noise returns the energy of the quantization error of weights [out][fan]: Σ
// (w − scale · code)².
func Noise(weight []float32, codes []int8, scales []float32) float64 {
	fan := len(weight) / len(scales)
	var sum float64
	for i, w := range weight {
		sum += rounding(w, codes[i], scales[i/fan])
	}
	return sum
}

// rounding returns the squared difference between a weight and its code.
func rounding(w float32, code int8, scale float32) float64 {
	d := float64(w) - float64(scale)*float64(code)
	return d * d
}

// SNR returns the signal-to-noise ratio of weights and such noise in dB,
// 10 · log10(Σ w² / noise); +Inf without noise.
func SNR(weight []float32, noise float64) float64 {
	var signal float64
	for _, w := range weight {
		signal += float64(w) * float64(w)
	}
	return 10 * math.Log10(signal/noise)
}
