package cli

import "os"

// inBackground is always false: Windows has no jobs that share a terminal.
func inBackground(*os.File) bool { return false }

func printFromBackground() {}
