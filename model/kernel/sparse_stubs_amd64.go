// Stubs of the assembly that _asm/sparse.go and _asm/planes.go write.

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
func sparse32x2AVX2(a sparseArgs)

//go:noescape
func sparse16x4AVX2(a sparseArgs)

//go:noescape
func sparse8x8AVX2(a sparseArgs)

//go:noescape
func splitPlanesAVX2(a planesArgs)

//go:noescape
func mapToPlanesAVX2(a planesArgs)

//go:noescape
func planesToMapAVX2(a planesArgs)

//go:noescape
func poolPlanesAVX2(a planesArgs)
