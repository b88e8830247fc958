//go:build unix

package cli

import (
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

// inBackground reports whether a file is a terminal that belongs to other
// processes at the moment, as it does after "espalier run &" in a shell. A
// process that draws on it, or reads from it, would be stopped by it.
func inBackground(f *os.File) bool {
	foreground, err := unix.IoctlGetInt(int(f.Fd()), unix.TIOCGPGRP)
	return err == nil && foreground != unix.Getpgrp()
}

// printFromBackground lets a process in the background print on a terminal that
// is set to stop such processes (stty tostop).
func printFromBackground() {
	if inBackground(os.Stdout) || inBackground(os.Stderr) {
		signal.Ignore(unix.SIGTTOU)
	}
}
