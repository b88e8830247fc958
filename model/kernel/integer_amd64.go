package kernel

func integerAVX512() integerFuncs { return integerGo() }

func integerAVX2() integerFuncs { return integerGo() }
