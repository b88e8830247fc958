package kernel

// Written by the generator in _asm/winograd*.go. Each does what its counterpart
// in winograd_go.go does; products of 16 channels and of pairs of 16 channels
// are functions of their own.

//go:noescape
func winogradInputAVX512(a winogradTiles)

//go:noescape
func winogradGradientAVX512(a winogradTiles)

//go:noescape
func winogradOutputAVX512(a winogradTiles)

//go:noescape
func winogradMultiplyAVX512(a winogradProduct)

//go:noescape
func winogradMultiplyPairsAVX512(a winogradProduct)

//go:noescape
func winogradAccumulateAVX512(a winogradProduct)

//go:noescape
func winogradAccumulatePairsAVX512(a winogradProduct)

//go:noescape
func winogradWeightsAVX512(a winogradFilter)

//go:noescape
func winogradTapsAVX512(a winogradFilter)

//go:noescape
func winogradInputAVX2(a winogradTiles)

//go:noescape
func winogradGradientAVX2(a winogradTiles)

//go:noescape
func winogradOutputAVX2(a winogradTiles)

//go:noescape
func winogradMultiplyAVX2(a winogradProduct)

//go:noescape
func winogradMultiplyPairsAVX2(a winogradProduct)

//go:noescape
func winogradAccumulateAVX2(a winogradProduct)

//go:noescape
func winogradAccumulatePairsAVX2(a winogradProduct)

//go:noescape
func winogradWeightsAVX2(a winogradFilter)

//go:noescape
func winogradTapsAVX2(a winogradFilter)
