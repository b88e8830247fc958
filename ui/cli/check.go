package cli

import (
	"path/filepath"

	"github.com/spf13/cobra"

	"espalier/compress/measure"
)

func newCheck() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Measure a network and check it against limits",
		Args:  knownCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newCheckPruning(), newCheckQuantization())
	return cmd
}

func newCheckPruning() *cobra.Command {
	var (
		f fileFlags
		p measure.Promise
	)
	cmd := &cobra.Command{
		Use:   "pruning FILE",
		Short: "Check the sparsity and the accuracy of a pruned network",
		Long: `Check pruning measures the network in FILE, prints one line, and exits with 0 if
it meets every given limit, and with 1 if not. Sparsity is the share of
zeros among all convolution and linear weights.`,
		Example:           `  espalier check pruning round-6.safetensors --min-sparsity 0.9 --min-top1 0.9`,
		Args:              one("FILE"),
		ValidArgsFunction: weightFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.check(cmd, args[0], p, nil)
		},
	}
	f.add(cmd)
	cmd.Flags().Float64Var(&p.MinSparsity, "min-sparsity", 0, "smallest share of zeros that passes, 0 to 1")
	cmd.Flags().Float64Var(&p.MinTop1, "min-top1", 0, "smallest top-1 on the test images that passes, 0 to 1")
	return cmd
}

func newCheckQuantization() *cobra.Command {
	var (
		f fileFlags
		p measure.Promise
	)
	cmd := &cobra.Command{
		Use:   "quantization FILE",
		Short: "Check the accuracy of a quantized network",
		Long: `Check quantization measures the int8 network in FILE, prints one line, and exits
with 0 if it meets every given limit, and with 1 if not.`,
		Example:           `  espalier check quantization round-6-int8.safetensors --min-top1 0.92`,
		Args:              one("FILE"),
		ValidArgsFunction: weightFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.check(cmd, args[0], p, (*measure.File).MustBeInteger)
		},
	}
	f.add(cmd)
	cmd.Flags().Float64Var(&p.MinTop1, "min-top1", 0, "smallest top-1 on the test images that passes, 0 to 1")
	return cmd
}

// check measures a file that accept lets pass and prints whether it keeps p.
func (f *fileFlags) check(cmd *cobra.Command, path string, p measure.Promise, accept func(*measure.File) error) error {
	if err := p.Validate(); err != nil {
		return err
	}
	r, err := f.evaluate(cmd, path, accept)
	if err != nil {
		return err
	}
	return verdict(cmd, f.asJSON, path, p.Check(r))
}

// verdict prints a check's line and turns a failed one into its exit code.
func verdict(cmd *cobra.Command, asJSON bool, path string, v measure.Verdict) error {
	word := "passed"
	if !v.Passed {
		word = "failed"
	}
	words := filepath.Base(path) + ": " + word + ": " + v.Reason + " on " + v.Images()
	if err := answer(cmd.OutOrStdout(), asJSON, v, words); err != nil {
		return err
	}
	if !v.Passed {
		return errCheckFailed
	}
	return nil
}
