package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"espalier/model"
	"espalier/model/kernel"
)

// engineFlags choose what to compute with.
type engineFlags struct {
	threads int
	kernel  string
}

func (f *engineFlags) add(cmd *cobra.Command) {
	cmd.Flags().IntVar(&f.threads, "threads", 0, "number of threads; results do not depend on it (0: all cores)")
	cmd.Flags().StringVar(&f.kernel, "kernel", "auto", "instruction set: auto, avx512, avx2 or go")
	cmd.RegisterFlagCompletionFunc("kernel", cobra.FixedCompletions(append([]string{"auto"}, kernelNames()...), cobra.ShellCompDirectiveNoFileComp))
}

// engine starts the workers; the caller closes it.
func (f *engineFlags) engine() (*model.Engine, error) {
	if f.threads < 0 {
		return nil, fmt.Errorf("--threads %d: want 0 for all cores, or more", f.threads)
	}
	kernels, err := kernel.Select(f.kernel)
	if err != nil {
		return nil, err
	}
	return model.NewEngine(kernels, f.threads, model.Auto), nil
}

// kernelNames lists the instruction sets of this machine, the fastest first.
func kernelNames() []string {
	var names []string
	for _, s := range kernel.All() {
		names = append(names, s.Name)
	}
	return names
}

// keyHelp describes the flag --key.
const keyHelp = "which network to take from a PyTorch checkpoint that holds several, such as ema or checkpoint.model"

// addJSON adds --json to a command that answers something.
func addJSON(cmd *cobra.Command, asJSON *bool) {
	cmd.Flags().BoolVar(asJSON, "json", false, "print the answer as JSON")
}

// answer prints a value as one line of JSON, or in words.
func answer(w io.Writer, asJSON bool, value any, words string) error {
	if asJSON {
		return json.NewEncoder(w).Encode(value)
	}
	_, err := fmt.Fprintln(w, strings.TrimRight(words, "\n"))
	return err
}

// one wants exactly one argument, and calls it by its name where it is missing.
func one(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 {
			return fmt.Errorf("%s takes one %s and got %d arguments; see %[1]s --help", cmd.CommandPath(), what, len(args))
		}
		return nil
	}
}

// atMostOne is one for an argument that may be left out.
func atMostOne(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > 1 {
			return fmt.Errorf("%s takes at most one %s and got %d arguments; see %[1]s --help", cmd.CommandPath(), what, len(args))
		}
		return nil
	}
}

// weightFiles completes the names of files that hold weights.
func weightFiles(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return []string{"safetensors", "pt", "pth", "th", "onnx"}, cobra.ShellCompDirectiveFilterFileExt
}
