package configs

import "fmt"

// complete fills in what is measured where only kinds are named.
func (s *Sensitivity) complete() {
	if len(s.Of) == 0 {
		return
	}
	if s.Shares == nil {
		s.Shares = []float64{0.3, 0.5, 0.7, 0.8, 0.9, 0.95}
	}
	if s.Bits == nil {
		s.Bits = []int{8, 6, 5, 4, 3, 2}
	}
	if s.Images == 0 {
		s.Images = 512
	}
}

func (e Experiment) sensitivity() *ValueError {
	s := e.Sensitivity
	for i, of := range s.Of {
		if err := oneOf(fmt.Sprintf("sensitivity.of[%d]", i), of, OfWeights, OfChannels, OfBits); err != nil {
			return err
		}
	}
	previous := 0.0
	for i, share := range s.Shares {
		if !(share > previous && share < 1) {
			return bad(fmt.Sprintf("sensitivity.shares[%d]", i), "is %v after %v: shares rise, from above 0 to below 1", share, previous)
		}
		previous = share
	}
	for i, bits := range s.Bits {
		if bits < 2 || bits > 16 || i > 0 && bits >= s.Bits[i-1] {
			return bad(fmt.Sprintf("sensitivity.bits[%d]", i), "is %d: want numbers from 16 down to 2, falling", bits)
		}
	}
	return atLeast("sensitivity.images", s.Images, 0)
}
