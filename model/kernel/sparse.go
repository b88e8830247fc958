package kernel

// sparseFuncs are the inner functions of sparse convolution.
type sparseFuncs struct{}

func sparseGo() sparseFuncs { return sparseFuncs{} }
