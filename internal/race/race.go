// Package race shortens long numeric tests when the race detector watches.
package race

import "flag"

// Shorten makes a package's tests short, as -short does, if they were built with
// -race, which makes arithmetic ten to twenty times slower. It is for packages
// whose long tests only compute more than their short ones. TestMain calls it
// before it runs the tests.
func Shorten() {
	flag.Parse()
	if detector {
		flag.Set("test.short", "true")
	}
}
