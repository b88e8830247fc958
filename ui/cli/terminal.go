package cli

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// isTerminal reports whether a stream is a terminal that can be drawn on: not a
// pipe or a file, not a CI job's log, and not one that calls itself dumb.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && drawable(term.IsTerminal(int(f.Fd())), os.Getenv("CI"), os.Getenv("TERM"))
}

func drawable(terminal bool, ci, name string) bool {
	return terminal && (ci == "" || ci == "false") && name != "dumb"
}

// confirm asks a question; an empty answer is yes.
func confirm(in io.Reader, out io.Writer, question string) bool {
	fmt.Fprintf(out, "%s [Y/n] ", question)
	line, err := bufio.NewReader(in).ReadString('\n')
	if err != nil {
		fmt.Fprintln(out)
		return false
	}
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "", "y", "yes":
		return true
	}
	return false
}
