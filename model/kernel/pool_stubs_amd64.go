package kernel

// Written by the generator in _asm/pool.go: max pools, P pixels at a time, also
// with the places of maxima, and of codes.

//go:noescape
func slideMaxPool1AVX512(a slideArgs)

//go:noescape
func slideMaxPoolPlaces1AVX512(a slideArgs)

//go:noescape
func slideMaxPool2AVX512(a slideArgs)

//go:noescape
func slideMaxPoolPlaces2AVX512(a slideArgs)

//go:noescape
func slideMaxPool3AVX512(a slideArgs)

//go:noescape
func slideMaxPoolPlaces3AVX512(a slideArgs)

//go:noescape
func slideMaxPool4AVX512(a slideArgs)

//go:noescape
func slideMaxPoolPlaces4AVX512(a slideArgs)

//go:noescape
func slideMaxPool5AVX512(a slideArgs)

//go:noescape
func slideMaxPoolPlaces5AVX512(a slideArgs)

//go:noescape
func slideMaxPool6AVX512(a slideArgs)

//go:noescape
func slideMaxPoolPlaces6AVX512(a slideArgs)

//go:noescape
func slideMaxPool7AVX512(a slideArgs)

//go:noescape
func slideMaxPoolPlaces7AVX512(a slideArgs)

//go:noescape
func slideMaxPool8AVX512(a slideArgs)

//go:noescape
func slideMaxPoolPlaces8AVX512(a slideArgs)

//go:noescape
func slideMaxPool9AVX512(a slideArgs)

//go:noescape
func slideMaxPoolPlaces9AVX512(a slideArgs)

//go:noescape
func slideMaxPool10AVX512(a slideArgs)

//go:noescape
func slideMaxPoolPlaces10AVX512(a slideArgs)

//go:noescape
func slideMaxPool11AVX512(a slideArgs)

//go:noescape
func slideMaxPoolPlaces11AVX512(a slideArgs)

//go:noescape
func slideMaxPool12AVX512(a slideArgs)

//go:noescape
func slideMaxPoolPlaces12AVX512(a slideArgs)

//go:noescape
func slideMaxPool13AVX512(a slideArgs)

//go:noescape
func slideMaxPoolPlaces13AVX512(a slideArgs)

//go:noescape
func slideMaxPool14AVX512(a slideArgs)

//go:noescape
func slideMaxPoolPlaces14AVX512(a slideArgs)

//go:noescape
func slideMaxPool1AVX2(a slideArgs)

//go:noescape
func slideMaxPool2AVX2(a slideArgs)

//go:noescape
func slideMaxPool3AVX2(a slideArgs)

//go:noescape
func slideMaxPool4AVX2(a slideArgs)

//go:noescape
func slideMaxPool5AVX2(a slideArgs)

//go:noescape
func slideMaxPool6AVX2(a slideArgs)

//go:noescape
func slideMaxPoolPlaces1AVX2(a slideArgs)

//go:noescape
func slideMaxPoolPlaces2AVX2(a slideArgs)

//go:noescape
func slideMaxPoolPlaces3AVX2(a slideArgs)

//go:noescape
func slideMaxPoolCodes1AVX2(a slideArgs)

//go:noescape
func slideMaxPoolCodes2AVX2(a slideArgs)

//go:noescape
func slideMaxPoolCodes3AVX2(a slideArgs)

//go:noescape
func slideMaxPoolCodes4AVX2(a slideArgs)

//go:noescape
func slideMaxPoolCodes5AVX2(a slideArgs)

//go:noescape
func slideMaxPoolCodes6AVX2(a slideArgs)

//go:noescape
func slideMaxPoolCodes7AVX2(a slideArgs)

//go:noescape
func slideMaxPoolCodes8AVX2(a slideArgs)

//go:noescape
func slideMaxPoolCodes9AVX2(a slideArgs)

//go:noescape
func slideMaxPoolCodes10AVX2(a slideArgs)

//go:noescape
func slideMaxPoolCodes11AVX2(a slideArgs)

//go:noescape
func slideMaxPoolCodes12AVX2(a slideArgs)

//go:noescape
func slideMaxPoolCodes13AVX2(a slideArgs)

//go:noescape
func slideMaxPoolCodes14AVX2(a slideArgs)
