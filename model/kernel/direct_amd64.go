package kernel

func directAVX512() directFuncs { return directGo() }

func directAVX2() directFuncs { return directGo() }
