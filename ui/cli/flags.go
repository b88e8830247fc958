package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"espalier/compress/measure"
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

// sourceFlags say how a network is read from a file.
type sourceFlags struct {
	key, graph string
	mean, std  string
}

// add adds the flags but for those of the normalisation.
func (f *sourceFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.key, "key", "", "which network to take from a PyTorch checkpoint that holds several, such as ema or checkpoint.model")
	addGraph(cmd, &f.graph)
}

func addGraph(cmd *cobra.Command, graph *string) {
	cmd.Flags().StringVar(graph, "graph", "", "ONNX file that has the graph of a state dict of a network that is not built in; only its names and nodes count, the values are the state dict's")
	cmd.RegisterFlagCompletionFunc("graph", cobra.FixedCompletions([]string{"onnx"}, cobra.ShellCompDirectiveFilterFileExt))
}

// addNormalisation adds --mean and --std; otherwise says what is taken without
// them.
func (f *sourceFlags) addNormalisation(cmd *cobra.Command, otherwise string) {
	cmd.Flags().StringVar(&f.mean, "mean", "", "mean per colour channel, or cifar10 or imagenet (default: "+otherwise+")")
	cmd.Flags().StringVar(&f.std, "std", "", "standard deviation per colour channel, or cifar10 or imagenet (default: "+otherwise+")")
}

// source returns where the network of that file is read from.
func (f *sourceFlags) source(path string) measure.Source {
	return measure.Source{Path: path, Key: f.key, Graph: f.graph, Mean: f.mean, Std: f.std}
}

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

// atLeastOne is one for an argument that may be repeated.
func atLeastOne(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return fmt.Errorf("%s takes at least one %s; see %[1]s --help", cmd.CommandPath(), what)
		}
		return nil
	}
}

// weightFiles completes the names of files that hold weights.
func weightFiles(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return []string{"safetensors", "pt", "pth", "th", "onnx"}, cobra.ShellCompDirectiveFilterFileExt
}
