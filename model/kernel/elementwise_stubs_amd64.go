// Stubs of the assembly that _asm/elementwise.go writes; each comment is what the
// kernel computes for every pixel or value.

package kernel

// dst = max(p·a + q, F0)
//
//go:noescape
func normApplyAVX2(a elementwiseArgs)

// dst = max(p·a + q + b, F0)
//
//go:noescape
func normApplyAddAVX2(a elementwiseArgs)

// dst = (q·b + r) + p·a
//
//go:noescape
func normBackwardAVX2(a elementwiseArgs)

// dst += a
//
//go:noescape
func addIntoAVX2(a elementwiseArgs)

// dst = p / F0
//
//go:noescape
func averagePoolGradAVX2(a elementwiseArgs)

// p += Σ a, Σ a²
//
//go:noescape
func normSumsAVX2(a elementwiseArgs)

// p += Σ dst, Σ dst·(b − q)
//
//go:noescape
func normBackwardSumsAVX2(a elementwiseArgs)

// dst = a > 0 ? dst : 0; p += Σ dst, Σ dst·(b − q)
//
//go:noescape
func normBackwardSumsMaskedAVX2(a elementwiseArgs)

// q = Σ a / F0
//
//go:noescape
func averagePoolAVX2(a elementwiseArgs)

// dst += a
//
//go:noescape
func addAVX2(a elementwiseArgs)

// b = F1·b + (a + F2·dst); dst = dst − F0·b
//
//go:noescape
func sgdAVX2(a elementwiseArgs)

// b = F1·b + (a + F2·dst); dst = (dst − F0·b)·c
//
//go:noescape
func sgdMaskedAVX2(a elementwiseArgs)

// g = a + F2·dst; b = F1·b + g; dst = dst − F0·(F1·b + g)
//
//go:noescape
func sgdNesterovAVX2(a elementwiseArgs)

// g = a + F2·dst; b = F1·b + g; dst = (dst − F0·(F1·b + g))·c
//
//go:noescape
func sgdNesterovMaskedAVX2(a elementwiseArgs)

// dst = (a, b, c, 0), pixel by pixel
//
//go:noescape
func packImageAVX2(a elementwiseArgs)

// dst = max(p·a + q, F0)
//
//go:noescape
func normApplyAVX512(a elementwiseArgs)

// dst = max(p·a + q + b, F0)
//
//go:noescape
func normApplyAddAVX512(a elementwiseArgs)

// dst = (q·b + r) + p·a
//
//go:noescape
func normBackwardAVX512(a elementwiseArgs)

// dst += a
//
//go:noescape
func addIntoAVX512(a elementwiseArgs)

// dst = p / F0
//
//go:noescape
func averagePoolGradAVX512(a elementwiseArgs)

// p += Σ a, Σ a²
//
//go:noescape
func normSumsAVX512(a elementwiseArgs)

// p += Σ dst, Σ dst·(b − q)
//
//go:noescape
func normBackwardSumsAVX512(a elementwiseArgs)

// dst = a > 0 ? dst : 0; p += Σ dst, Σ dst·(b − q)
//
//go:noescape
func normBackwardSumsMaskedAVX512(a elementwiseArgs)

// q = Σ a / F0
//
//go:noescape
func averagePoolAVX512(a elementwiseArgs)

// dst += a
//
//go:noescape
func addAVX512(a elementwiseArgs)

// b = F1·b + (a + F2·dst); dst = dst − F0·b
//
//go:noescape
func sgdAVX512(a elementwiseArgs)

// b = F1·b + (a + F2·dst); dst = (dst − F0·b)·c
//
//go:noescape
func sgdMaskedAVX512(a elementwiseArgs)

// g = a + F2·dst; b = F1·b + g; dst = dst − F0·(F1·b + g)
//
//go:noescape
func sgdNesterovAVX512(a elementwiseArgs)

// g = a + F2·dst; b = F1·b + g; dst = (dst − F0·(F1·b + g))·c
//
//go:noescape
func sgdNesterovMaskedAVX512(a elementwiseArgs)
