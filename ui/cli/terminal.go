package cli

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/term"
)

// isTerminal reports whether a stream is a terminal that can be drawn on: not a
// pipe or a file, not a CI job's log, not one that calls itself dumb, and not one
// that the process is in the background of.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && !inBackground(f) && drawable(term.IsTerminal(int(f.Fd())), os.Getenv("CI"), os.Getenv("TERM"))
}

func drawable(terminal bool, ci, name string) bool {
	return terminal && (ci == "" || ci == "false") && name != "dumb"
}

// choose asks for a number from 1 to n, the first by default, and returns it
// counted from 0.
func choose(in io.Reader, out io.Writer, question string, n int) (int, error) {
	lines := bufio.NewReader(in)
	for {
		fmt.Fprintf(out, "%s [1] ", question)
		line, err := lines.ReadString('\n')
		if err != nil {
			fmt.Fprintln(out)
			return 0, errInterrupted
		}
		if line = strings.TrimSpace(line); line == "" {
			return 0, nil
		}
		if chosen, err := strconv.Atoi(line); err == nil && 1 <= chosen && chosen <= n {
			return chosen - 1, nil
		}
		fmt.Fprintf(out, "Please answer with a number from 1 to %d.\n", n)
	}
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
