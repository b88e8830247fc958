package kernel

// codesAVX2 is for both instruction sets.
func codesAVX2() codeFuncs {
	f := codesGo()
	f.maxPool = runMaxPoolCodes
	return f
}
