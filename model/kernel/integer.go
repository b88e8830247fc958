package kernel

// integerFuncs are the inner functions of integer inference.
type integerFuncs struct{}

func integerGo() integerFuncs { return integerFuncs{} }
