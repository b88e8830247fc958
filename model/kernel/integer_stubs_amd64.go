package kernel

//go:noescape
func intConv3x3AVX512(a *integerArgs)

//go:noescape
func intConv3x3AddAVX512(a *integerArgs)

//go:noescape
func intConv3x3s2AVX512(a *integerArgs)

//go:noescape
func intConv1x1AVX512(a *integerArgs)

//go:noescape
func intConv1x1s2AVX512(a *integerArgs)

//go:noescape
func intImage3x3AVX512(a *integerArgs)

//go:noescape
func intLinearAVX512(a *integerArgs)

//go:noescape
func intAddAVX512(a *integerArgs)

//go:noescape
func intImageAVX512(a *integerArgs)

//go:noescape
func intPoolAVX512(a *integerArgs)

//go:noescape
func intExtentAVX512(a *integerArgs)

//go:noescape
func intConv3x3AVX2(a *integerArgs)

//go:noescape
func intConv3x3AddAVX2(a *integerArgs)

//go:noescape
func intConv3x3s2AVX2(a *integerArgs)

//go:noescape
func intConv1x1AVX2(a *integerArgs)

//go:noescape
func intConv1x1s2AVX2(a *integerArgs)

//go:noescape
func intImage3x3AVX2(a *integerArgs)

//go:noescape
func intLinearAVX2(a *integerArgs)

//go:noescape
func intAddAVX2(a *integerArgs)

//go:noescape
func intImageAVX2(a *integerArgs)

//go:noescape
func intPoolAVX2(a *integerArgs)

//go:noescape
func intExtentAVX2(a *integerArgs)
