// Stubs of the assembly that _asm/sparse*.go and _asm/planes.go write.

package kernel

// The sparse kernels compute, for a strip of rows of so many pixels by so many
// rows, every output channel k: dst = max(Σ entries + bias + residual, floor).

//go:noescape
func sparse32x8AVX512(a sparseArgs)

//go:noescape
func sparse16x8AVX512(a sparseArgs)

//go:noescape
func sparse8x8AVX512(a sparseArgs)

//go:noescape
func sparse16x8Stride2AVX512(a sparseArgs)

//go:noescape
func sparse8x8Stride2AVX512(a sparseArgs)

//go:noescape
func sparse32x2AVX2(a sparseArgs)

//go:noescape
func sparse16x4AVX2(a sparseArgs)

//go:noescape
func sparse8x8AVX2(a sparseArgs)

//go:noescape
func sparse16x4Stride2AVX2(a sparseArgs)

//go:noescape
func sparse8x8Stride2AVX2(a sparseArgs)

//go:noescape
func packPlanesAVX2(a planesArgs)

//go:noescape
func mapToPlanes16AVX2(a planesArgs)

//go:noescape
func mapToPlanes8AVX2(a planesArgs)

//go:noescape
func planesToMap16AVX2(a planesArgs)

//go:noescape
func planesToMap8AVX2(a planesArgs)

//go:noescape
func poolPlanesAVX2(a planesArgs)
