package kernel

func elementwiseAVX512() elementwiseFuncs { return elementwiseGo() }

func elementwiseAVX2() elementwiseFuncs { return elementwiseGo() }
