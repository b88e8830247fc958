// Package cli is the command line: it reads flags, builds the parts that a
// command needs, and hands over. Every command has a file of its own.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

const (
	exitOK          = 0
	exitCheckFailed = 1
	exitUsage       = 2
	exitRunFailed   = 3
	exitInterrupted = 130 // 128 + SIGINT, as shells have it
	exitClosed      = 141 // 128 + SIGPIPE
)

// ExitCodes explains them, in every command's help and in docs/scripting.md.
const ExitCodes = `Exit codes:
  0    success
  1    the network does not keep what was asked: a check failed, or no round of a run passed its gate
  2    wrong usage or unusable input: a flag, an experiment or a file
  3    a run or a download failed after it began; what it finished is kept
  130  interrupted
  141  the output was closed, as by | head; a run is saved first`

// errCheckFailed ends a check whose verdict has been printed.
var errCheckFailed = errors.New("the check failed")

// errInterrupted is wrapped by what ends because somebody asked for it.
var errInterrupted = errors.New("interrupted")

// errClosedOutput is wrapped by what ends because nobody reads its output.
var errClosedOutput = errors.New("the output was closed")

// A runError is the failure of something that had begun well.
type runError struct{ err error }

func (e runError) Error() string { return e.err.Error() }
func (e runError) Unwrap() error { return e.err }

// Main runs the command that the process was started with, and returns its exit
// code.
func Main() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	printFromBackground()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	return execute(ctx, newRoot(), os.Stderr)
}

// execute runs a command and is the one place where errors end: as a sentence
// on stderr and an exit code.
func execute(ctx context.Context, root *cobra.Command, stderr io.Writer) int {
	err := root.ExecuteContext(ctx)
	if errors.Is(err, context.Canceled) {
		err = errInterrupted
	}
	if err != nil && !errors.Is(err, errCheckFailed) {
		fmt.Fprintf(stderr, "espalier: %v\n", err)
	}
	var run runError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errCheckFailed):
		return exitCheckFailed
	case errors.Is(err, errInterrupted):
		return exitInterrupted
	case errors.Is(err, errClosedOutput):
		return exitClosed
	case errors.As(err, &run):
		return exitRunFailed
	}
	return exitUsage
}
