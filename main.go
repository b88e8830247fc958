// Espalier trains, prunes and quantizes residual networks on the CPU, live in
// the terminal.
package main

import (
	"os"

	"espalier/ui/cli"
)

func main() { os.Exit(cli.Main()) }
