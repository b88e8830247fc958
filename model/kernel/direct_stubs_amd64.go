package kernel

// Written by the generator in _asm/direct.go and _asm/direct_grad.go. Each does
// for whole tiles what its counterpart in direct_go.go does for any map.

//go:noescape
func directForward3x3AVX512(a *directArgs)

//go:noescape
func directForward3x3s2AVX512(a *directArgs)

//go:noescape
func directForward1x1AVX512(a *directArgs)

//go:noescape
func directForward1x1s2AVX512(a *directArgs)

//go:noescape
func directForwardImageAVX512(a *directArgs)

//go:noescape
func directForwardScatter1x1AVX512(a *directArgs)

//go:noescape
func directDataGrad3x3s2AVX512(a *directArgs)

//go:noescape
func directGrad3x3AVX512(a *directArgs)

//go:noescape
func directGrad3x3s2AVX512(a *directArgs)

//go:noescape
func directGrad1x1AVX512(a *directArgs)

//go:noescape
func directGrad1x1s2AVX512(a *directArgs)

//go:noescape
func directGradImageAVX512(a *directArgs)

//go:noescape
func directForward3x3AVX2(a *directArgs)

//go:noescape
func directForward3x3s2AVX2(a *directArgs)

//go:noescape
func directForward1x1AVX2(a *directArgs)

//go:noescape
func directForward1x1s2AVX2(a *directArgs)

//go:noescape
func directForwardImageAVX2(a *directArgs)

//go:noescape
func directForwardScatter1x1AVX2(a *directArgs)

//go:noescape
func directDataGrad3x3s2AVX2(a *directArgs)

//go:noescape
func directGrad3x3AVX2(a *directArgs)

//go:noescape
func directGrad3x3s2AVX2(a *directArgs)

//go:noescape
func directGrad1x1AVX2(a *directArgs)

//go:noescape
func directGrad1x1s2AVX2(a *directArgs)

//go:noescape
func directGradImageAVX2(a *directArgs)
