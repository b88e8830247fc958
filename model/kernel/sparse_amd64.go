package kernel

func sparseAVX512() sparseFuncs { return sparseGo() }

func sparseAVX2() sparseFuncs { return sparseGo() }
