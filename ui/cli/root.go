package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// newRoot returns the whole tree of commands.
func newRoot() *cobra.Command {
	var f runFlags
	root := &cobra.Command{
		Use:   "espalier",
		Short: "Train, prune and quantize convolutional networks on the CPU, live in the terminal",
		Long: `Espalier takes a network through evaluation, iterative magnitude pruning with
fine-tuning, fusion, calibration, int8 quantization and a sweep over calibration
sizes, and shows all of it live. Images are CIFAR-10's, your own, or drawn by the
program.

Without a command it runs the experiment quick: a few minutes on images that it
draws itself.`,
		Args:          knownCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return f.begin(cmd, "quick", nil) },
		SilenceErrors: true, // execute prints them
		SilenceUsage:  true,
	}
	root.AddCommand(
		newRun(), newTrain(), newAttach(), newRuns(), newReport(), newScreenshot(),
		newEvaluate(), newInspect(), newPrune(), newQuantize(), newExport(), newCompareLayers(), newCheck(), newCost(), newCompress(), newBench(),
		newFetch(), newVersion(),
	)
	f.add(root)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())
	})
	describeExits(root)
	return root
}

// knownCommand refuses a command that there is not, and names those that were likely
// meant.
func knownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	cmd.SuggestionsMinimumDistance = 2 // edits, as Cobra's own message takes
	near := cmd.SuggestionsFor(args[0])
	if len(near) == 0 {
		return fmt.Errorf("unknown command %q; see %s --help", args[0], cmd.CommandPath())
	}
	return fmt.Errorf("unknown command %q: did you mean %s?", args[0], strings.Join(near, " or "))
}

// describeExits appends the exit codes to every command's help.
func describeExits(cmd *cobra.Command) {
	text := cmd.Long
	if text == "" {
		text = cmd.Short + "."
	}
	cmd.Long = text + "\n\n" + ExitCodes
	for _, c := range cmd.Commands() {
		describeExits(c)
	}
}
