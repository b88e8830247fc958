//go:build !amd64

package kernel

// assembled returns nothing: only amd64 has assembly.
func assembled() []*Set { return nil }
