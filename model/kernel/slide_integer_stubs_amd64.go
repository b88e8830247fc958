package kernel

// Written by the generator in _asm/slide_integer.go.
//
//	slideInteger P x O         integer convolution, P pixels and O blocks of outputs at a time
//	slideIntegerDepthwise P    depthwise integer convolution, P pixels at a time

//go:noescape
func slideInteger1x1AVX512(a slideArgs)

//go:noescape
func slideInteger1x2AVX512(a slideArgs)

//go:noescape
func slideInteger2x1AVX512(a slideArgs)

//go:noescape
func slideInteger2x2AVX512(a slideArgs)

//go:noescape
func slideInteger3x1AVX512(a slideArgs)

//go:noescape
func slideInteger3x2AVX512(a slideArgs)

//go:noescape
func slideInteger4x1AVX512(a slideArgs)

//go:noescape
func slideInteger4x2AVX512(a slideArgs)

//go:noescape
func slideInteger5x1AVX512(a slideArgs)

//go:noescape
func slideInteger5x2AVX512(a slideArgs)

//go:noescape
func slideInteger6x1AVX512(a slideArgs)

//go:noescape
func slideInteger6x2AVX512(a slideArgs)

//go:noescape
func slideInteger7x1AVX512(a slideArgs)

//go:noescape
func slideInteger7x2AVX512(a slideArgs)

//go:noescape
func slideInteger8x1AVX512(a slideArgs)

//go:noescape
func slideInteger8x2AVX512(a slideArgs)

//go:noescape
func slideInteger9x1AVX512(a slideArgs)

//go:noescape
func slideInteger9x2AVX512(a slideArgs)

//go:noescape
func slideInteger10x1AVX512(a slideArgs)

//go:noescape
func slideInteger10x2AVX512(a slideArgs)

//go:noescape
func slideInteger11x1AVX512(a slideArgs)

//go:noescape
func slideInteger11x2AVX512(a slideArgs)

//go:noescape
func slideInteger12x1AVX512(a slideArgs)

//go:noescape
func slideInteger12x2AVX512(a slideArgs)

//go:noescape
func slideInteger13x1AVX512(a slideArgs)

//go:noescape
func slideInteger13x2AVX512(a slideArgs)

//go:noescape
func slideInteger14x1AVX512(a slideArgs)

//go:noescape
func slideInteger14x2AVX512(a slideArgs)

//go:noescape
func slideIntegerDepthwise1AVX512(a slideArgs)

//go:noescape
func slideIntegerDepthwise2AVX512(a slideArgs)

//go:noescape
func slideIntegerDepthwise3AVX512(a slideArgs)

//go:noescape
func slideIntegerDepthwise4AVX512(a slideArgs)

//go:noescape
func slideIntegerDepthwise5AVX512(a slideArgs)

//go:noescape
func slideIntegerDepthwise6AVX512(a slideArgs)

//go:noescape
func slideIntegerDepthwise7AVX512(a slideArgs)

//go:noescape
func slideIntegerDepthwise8AVX512(a slideArgs)

//go:noescape
func slideIntegerDepthwise9AVX512(a slideArgs)

//go:noescape
func slideIntegerDepthwise10AVX512(a slideArgs)

//go:noescape
func slideIntegerDepthwise11AVX512(a slideArgs)

//go:noescape
func slideIntegerDepthwise12AVX512(a slideArgs)

//go:noescape
func slideIntegerDepthwise13AVX512(a slideArgs)

//go:noescape
func slideIntegerDepthwise14AVX512(a slideArgs)

//go:noescape
func slideInteger1AVX2(a slideArgs)

//go:noescape
func slideInteger2AVX2(a slideArgs)

//go:noescape
func slideInteger3AVX2(a slideArgs)

//go:noescape
func slideInteger4AVX2(a slideArgs)

//go:noescape
func slideInteger5AVX2(a slideArgs)

//go:noescape
func slideIntegerDepthwise1AVX2(a slideArgs)

//go:noescape
func slideIntegerDepthwise2AVX2(a slideArgs)

//go:noescape
func slideIntegerDepthwise3AVX2(a slideArgs)

//go:noescape
func slideIntegerDepthwise4AVX2(a slideArgs)

//go:noescape
func slideIntegerDepthwise5AVX2(a slideArgs)
