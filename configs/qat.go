package configs

import (
	"fmt"
	"strings"
)

// QAT is quantization-aware training: after the rounds the network is trained on
// with weights and activations rounded as in the network in integers.
type QAT struct {
	// Widths are bits of weights and activations, as W4A4, one after the other: each
	// begins with the weights of the one before. None, no such training.
	Widths []string `yaml:"widths"`
	// FirstLast is the bits of the first and the last layer, and of what they read.
	FirstLast int `yaml:"first_last"`
	// Learned trains scales of fewer than 8 bits along with the weights (LSQ: Esser et
	// al. 2020, arXiv 1902.08153); otherwise they stay those of the calibration.
	Learned bool `yaml:"learned"`
	// Freeze is the share of the steps after which batch norm computes with its
	// running statistics and leaves them as they are.
	Freeze float64  `yaml:"freeze"`
	Train  Training `yaml:"train"` // for each width
}

// ParseWidth reads bits of weights and activations, 2 to 8 each, as "W4A8".
func ParseWidth(text string) (weights, activations int, err error) {
	n, err := fmt.Sscanf(text, "W%dA%d", &weights, &activations)
	offered := func(bits int) bool { return bits == 2 || bits == 3 || bits == 4 || bits == 6 || bits == 8 }
	if err != nil || n != 2 || !offered(weights) || !offered(activations) || fmt.Sprintf("W%dA%d", weights, activations) != text {
		return 0, 0, fmt.Errorf("%q: want bits of weights and activations, 8, 6, 4, 3 or 2 each, as W4A4", text)
	}
	return weights, activations, nil
}

func (e Experiment) qat() *ValueError {
	q := e.QAT
	if len(q.Widths) == 0 {
		return nil
	}
	for i, width := range q.Widths {
		key := fmt.Sprintf("qat.widths[%d]", i)
		if _, _, err := ParseWidth(width); err != nil {
			return bad(key, "is %s", err)
		}
		for _, before := range q.Widths[:i] {
			if before == width {
				return bad(key, "is %s again: name each width once", width)
			}
		}
	}
	if _, _, err := ParseWidth(fmt.Sprintf("W%dA%d", q.FirstLast, q.FirstLast)); err != nil {
		return bad("qat.first_last", "is %d: want 8, 6, 4, 3 or 2", q.FirstLast)
	}
	if err := share("qat.freeze", q.Freeze); err != nil {
		return err
	}
	if err := e.training("qat.train", q.Train, 1); err != nil {
		return err
	}
	if q.Train.Epochs[0] == 0 {
		return bad("qat.train.epochs", "is 0: give each width some epochs, or leave qat.widths empty")
	}
	if e.Quantize.Recipe != "lab" && e.Quantize.Recipe != "ort" {
		return bad("quantize.recipe", "is %s, which lets channels or values share scales that qat.widths would train apart: take lab or ort", e.Quantize.Recipe)
	}
	if e.Quantize.PerTensor {
		return bad("quantize.per_tensor", "is true, and qat.widths would train the channels' scales apart: leave it out")
	}
	if len(e.Sweep.Sizes) > 0 {
		return bad("sweep.sizes", "is set, but after qat.widths no images calibrate: leave it empty, as []")
	}
	return nil
}

// String tells the rules in words; empty where there is no such training.
func (q QAT) String() string {
	if len(q.Widths) == 0 {
		return ""
	}
	scales := "fixed scales"
	if q.Learned {
		scales = "learned scales"
	}
	return fmt.Sprintf("trained for %s with %s, first and last layer at %d bits", strings.Join(q.Widths, ", then "), scales, q.FirstLast)
}
