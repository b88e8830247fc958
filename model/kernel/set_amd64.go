package kernel

import "golang.org/x/sys/cpu"

// assembled returns the sets with assembly that this processor runs, fastest
// first.
func assembled() []*Set {
	var sets []*Set
	x := cpu.X86
	if x.HasAVX512F && x.HasAVX512BW && x.HasAVX512VL && x.HasAVX512DQ && x.HasAVX512VNNI && x.HasFMA {
		sets = append(sets, &Set{
			Name:         "avx512",
			direct:       directAVX512(),
			winograd:     winogradAVX512(),
			elementwise:  elementwiseAVX512(),
			integer:      integerAVX512(),
			sparse:       sparseAVX512(),
			slide:        slideAVX512(),
			pool:         poolAVX512(),
			activation:   activationAVX512(),
			codes:        codesAVX512(),
			integerSlide: integerSlideAVX512(),
			peak:         peakAVX512(),
			times:        Times{Winograd: 0.31, Sparse: 1.1, Convert: 0.1},
		})
	}
	if x.HasAVX2 && x.HasFMA {
		sets = append(sets, &Set{
			Name:         "avx2",
			direct:       directAVX2(),
			winograd:     winogradAVX2(),
			elementwise:  elementwiseAVX2(),
			integer:      integerAVX2(),
			sparse:       sparseAVX2(),
			slide:        slideAVX2(),
			pool:         poolAVX2(),
			activation:   activationAVX2(),
			codes:        codesAVX2(),
			integerSlide: integerSlideAVX2(),
			peak:         peakAVX2(),
			times:        Times{Winograd: 0.36, Sparse: 1.1, Convert: 0.09},
		})
	}
	return sets
}
