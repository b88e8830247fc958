package kernel

func winogradAVX512() winogradFuncs { return winogradGo() }

func winogradAVX2() winogradFuncs { return winogradGo() }
