package kernel

// Written by the generator in _asm/peak.go.

//go:noescape
func peakFloatAVX512(rounds int)

//go:noescape
func peakIntegerAVX512(rounds int)

//go:noescape
func peakFloatAVX2(rounds int)

//go:noescape
func peakIntegerAVX2(rounds int)

// A round is one instruction, or two, for each of the sums.
const (
	peakSumsAVX512 = 24
	peakSumsAVX2   = 12
)

func peakAVX512() peakFuncs {
	return peakFuncs{
		float: peakFloatAVX512, floatPerRound: peakSumsAVX512 * 16 * 2,
		integer: peakIntegerAVX512, integerPerRound: peakSumsAVX512 * 64 * 2,
	}
}

func peakAVX2() peakFuncs {
	return peakFuncs{
		float: peakFloatAVX2, floatPerRound: peakSumsAVX2 * 8 * 2,
		integer: peakIntegerAVX2, integerPerRound: peakSumsAVX2 * 16 * 2,
	}
}
