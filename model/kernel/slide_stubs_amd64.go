package kernel

// Written by the generator in _asm/slide.go and _asm/slide_grad.go.
//
//	slideForward P x O         general convolution, P pixels and O blocks of outputs at a time
//	slideDepthwise P           depthwise convolution, P pixels at a time
//	slideGrad C x O            gradient of weights, C channels and O blocks of outputs at a time
//	slideDepthwiseGrad N       gradient of depthwise weights, N columns of taps

func slideAVX512() slideFuncs {
	k := &slideAsm{outs: 2, pixels: 14, lanes: 16}
	k.forward[1] = [15]func(slideArgs){
		nil, slideForward1x1AVX512, slideForward2x1AVX512, slideForward3x1AVX512,
		slideForward4x1AVX512, slideForward5x1AVX512, slideForward6x1AVX512, slideForward7x1AVX512,
		slideForward8x1AVX512, slideForward9x1AVX512, slideForward10x1AVX512, slideForward11x1AVX512,
		slideForward12x1AVX512, slideForward13x1AVX512, slideForward14x1AVX512,
	}
	k.forward[2] = [15]func(slideArgs){
		nil, slideForward1x2AVX512, slideForward2x2AVX512, slideForward3x2AVX512,
		slideForward4x2AVX512, slideForward5x2AVX512, slideForward6x2AVX512, slideForward7x2AVX512,
		slideForward8x2AVX512, slideForward9x2AVX512, slideForward10x2AVX512, slideForward11x2AVX512,
		slideForward12x2AVX512, slideForward13x2AVX512, slideForward14x2AVX512,
	}
	k.depthwise = [15]func(slideArgs){
		nil, slideDepthwise1AVX512, slideDepthwise2AVX512, slideDepthwise3AVX512,
		slideDepthwise4AVX512, slideDepthwise5AVX512, slideDepthwise6AVX512, slideDepthwise7AVX512,
		slideDepthwise8AVX512, slideDepthwise9AVX512, slideDepthwise10AVX512, slideDepthwise11AVX512,
		slideDepthwise12AVX512, slideDepthwise13AVX512, slideDepthwise14AVX512,
	}
	k.grad[1] = [17]func(slideArgs){
		1: slideGrad1x1AVX512, 2: slideGrad2x1AVX512, 3: slideGrad3x1AVX512, 4: slideGrad4x1AVX512,
		8: slideGrad8x1AVX512, 16: slideGrad16x1AVX512,
	}
	k.grad[2] = [17]func(slideArgs){
		1: slideGrad1x2AVX512, 2: slideGrad2x2AVX512, 3: slideGrad3x2AVX512, 4: slideGrad4x2AVX512,
		8: slideGrad8x2AVX512,
	}
	k.depthwiseGrad = [8]func(slideArgs){
		nil, slideDepthwiseGrad1AVX512, slideDepthwiseGrad2AVX512, slideDepthwiseGrad3AVX512,
		slideDepthwiseGrad4AVX512, slideDepthwiseGrad5AVX512, slideDepthwiseGrad6AVX512, slideDepthwiseGrad7AVX512,
	}
	return k.funcs()
}

func slideAVX2() slideFuncs {
	k := &slideAsm{outs: 1, pixels: 6, lanes: 8}
	k.forward[1] = [15]func(slideArgs){
		1: slideForward1AVX2, 2: slideForward2AVX2, 3: slideForward3AVX2, 4: slideForward4AVX2,
		5: slideForward5AVX2, 6: slideForward6AVX2,
	}
	k.depthwise = [15]func(slideArgs){
		1: slideDepthwise1AVX2, 2: slideDepthwise2AVX2, 3: slideDepthwise3AVX2, 4: slideDepthwise4AVX2,
		5: slideDepthwise5AVX2, 6: slideDepthwise6AVX2,
	}
	k.grad[1] = [17]func(slideArgs){1: slideGrad1AVX2, 2: slideGrad2AVX2, 3: slideGrad3AVX2, 4: slideGrad4AVX2}
	k.depthwiseGrad = [8]func(slideArgs){
		nil, slideDepthwiseGrad1AVX2, slideDepthwiseGrad2AVX2, slideDepthwiseGrad3AVX2,
		slideDepthwiseGrad4AVX2, slideDepthwiseGrad5AVX2, slideDepthwiseGrad6AVX2, slideDepthwiseGrad7AVX2,
	}
	return k.funcs()
}

//go:noescape
func slideForward1x1AVX512(a slideArgs)

//go:noescape
func slideForward1x2AVX512(a slideArgs)

//go:noescape
func slideDepthwise1AVX512(a slideArgs)

//go:noescape
func slideForward2x1AVX512(a slideArgs)

//go:noescape
func slideForward2x2AVX512(a slideArgs)

//go:noescape
func slideDepthwise2AVX512(a slideArgs)

//go:noescape
func slideForward3x1AVX512(a slideArgs)

//go:noescape
func slideForward3x2AVX512(a slideArgs)

//go:noescape
func slideDepthwise3AVX512(a slideArgs)

//go:noescape
func slideForward4x1AVX512(a slideArgs)

//go:noescape
func slideForward4x2AVX512(a slideArgs)

//go:noescape
func slideDepthwise4AVX512(a slideArgs)

//go:noescape
func slideForward5x1AVX512(a slideArgs)

//go:noescape
func slideForward5x2AVX512(a slideArgs)

//go:noescape
func slideDepthwise5AVX512(a slideArgs)

//go:noescape
func slideForward6x1AVX512(a slideArgs)

//go:noescape
func slideForward6x2AVX512(a slideArgs)

//go:noescape
func slideDepthwise6AVX512(a slideArgs)

//go:noescape
func slideForward7x1AVX512(a slideArgs)

//go:noescape
func slideForward7x2AVX512(a slideArgs)

//go:noescape
func slideDepthwise7AVX512(a slideArgs)

//go:noescape
func slideForward8x1AVX512(a slideArgs)

//go:noescape
func slideForward8x2AVX512(a slideArgs)

//go:noescape
func slideDepthwise8AVX512(a slideArgs)

//go:noescape
func slideForward9x1AVX512(a slideArgs)

//go:noescape
func slideForward9x2AVX512(a slideArgs)

//go:noescape
func slideDepthwise9AVX512(a slideArgs)

//go:noescape
func slideForward10x1AVX512(a slideArgs)

//go:noescape
func slideForward10x2AVX512(a slideArgs)

//go:noescape
func slideDepthwise10AVX512(a slideArgs)

//go:noescape
func slideForward11x1AVX512(a slideArgs)

//go:noescape
func slideForward11x2AVX512(a slideArgs)

//go:noescape
func slideDepthwise11AVX512(a slideArgs)

//go:noescape
func slideForward12x1AVX512(a slideArgs)

//go:noescape
func slideForward12x2AVX512(a slideArgs)

//go:noescape
func slideDepthwise12AVX512(a slideArgs)

//go:noescape
func slideForward13x1AVX512(a slideArgs)

//go:noescape
func slideForward13x2AVX512(a slideArgs)

//go:noescape
func slideDepthwise13AVX512(a slideArgs)

//go:noescape
func slideForward14x1AVX512(a slideArgs)

//go:noescape
func slideForward14x2AVX512(a slideArgs)

//go:noescape
func slideDepthwise14AVX512(a slideArgs)

//go:noescape
func slideGrad16x1AVX512(a slideArgs)

//go:noescape
func slideGrad8x1AVX512(a slideArgs)

//go:noescape
func slideGrad8x2AVX512(a slideArgs)

//go:noescape
func slideGrad4x1AVX512(a slideArgs)

//go:noescape
func slideGrad4x2AVX512(a slideArgs)

//go:noescape
func slideGrad3x1AVX512(a slideArgs)

//go:noescape
func slideGrad3x2AVX512(a slideArgs)

//go:noescape
func slideGrad2x1AVX512(a slideArgs)

//go:noescape
func slideGrad2x2AVX512(a slideArgs)

//go:noescape
func slideGrad1x1AVX512(a slideArgs)

//go:noescape
func slideGrad1x2AVX512(a slideArgs)

//go:noescape
func slideDepthwiseGrad1AVX512(a slideArgs)

//go:noescape
func slideDepthwiseGrad2AVX512(a slideArgs)

//go:noescape
func slideDepthwiseGrad3AVX512(a slideArgs)

//go:noescape
func slideDepthwiseGrad4AVX512(a slideArgs)

//go:noescape
func slideDepthwiseGrad5AVX512(a slideArgs)

//go:noescape
func slideDepthwiseGrad6AVX512(a slideArgs)

//go:noescape
func slideDepthwiseGrad7AVX512(a slideArgs)

//go:noescape
func slideForward1AVX2(a slideArgs)

//go:noescape
func slideDepthwise1AVX2(a slideArgs)

//go:noescape
func slideForward2AVX2(a slideArgs)

//go:noescape
func slideDepthwise2AVX2(a slideArgs)

//go:noescape
func slideForward3AVX2(a slideArgs)

//go:noescape
func slideDepthwise3AVX2(a slideArgs)

//go:noescape
func slideForward4AVX2(a slideArgs)

//go:noescape
func slideDepthwise4AVX2(a slideArgs)

//go:noescape
func slideForward5AVX2(a slideArgs)

//go:noescape
func slideDepthwise5AVX2(a slideArgs)

//go:noescape
func slideForward6AVX2(a slideArgs)

//go:noescape
func slideDepthwise6AVX2(a slideArgs)

//go:noescape
func slideGrad4AVX2(a slideArgs)

//go:noescape
func slideGrad3AVX2(a slideArgs)

//go:noescape
func slideGrad2AVX2(a slideArgs)

//go:noescape
func slideGrad1AVX2(a slideArgs)

//go:noescape
func slideDepthwiseGrad1AVX2(a slideArgs)

//go:noescape
func slideDepthwiseGrad2AVX2(a slideArgs)

//go:noescape
func slideDepthwiseGrad3AVX2(a slideArgs)

//go:noescape
func slideDepthwiseGrad4AVX2(a slideArgs)

//go:noescape
func slideDepthwiseGrad5AVX2(a slideArgs)

//go:noescape
func slideDepthwiseGrad6AVX2(a slideArgs)

//go:noescape
func slideDepthwiseGrad7AVX2(a slideArgs)
