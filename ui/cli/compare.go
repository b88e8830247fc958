package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"espalier/compress/compare"
	"espalier/compress/measure"
	"espalier/dataset"
	"espalier/model/weights"
)

func newCompareLayers() *cobra.Command {
	var f compareFlags
	cmd := &cobra.Command{
		Use:   "compare-layers A B",
		Short: "Show where two networks differ, layer by layer",
		Long: `Compare-layers runs the networks in A and B, each in fp32, in int8 or from an
exported ONNX file, over the same test images. For every layer it prints the
signal-to-noise ratio of B against A, the largest difference with its image,
channel and position, the share of int8 codes at the limits of their range, and
the dead channels: those that never change.
After a ReLU the lower limit is zero, and codes there lose nothing. It names the
first layer whose signal-to-noise ratio is below --min-snr.`,
		Example: `  espalier compare-layers round-6.safetensors round-6-int8.safetensors --images 200
  espalier compare-layers round-6-int8.safetensors round-6-int8.onnx`,
		Args:              two("A", "B"),
		ValidArgsFunction: weightFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := f.compare(cmd, args[0], args[1])
			if err != nil {
				return err
			}
			return answer(cmd.OutOrStdout(), f.asJSON, r, r.String())
		},
	}
	f.add(cmd)
	return cmd
}

// compareFlags say what to compare on.
type compareFlags struct {
	engineFlags
	sourceFlags
	data, dataset string
	notes         io.Writer
	images        int
	limit         float64
	asJSON        bool
}

func (f *compareFlags) add(cmd *cobra.Command) {
	f.engineFlags.add(cmd)
	cmd.Flags().IntVar(&f.images, "images", 100, "number of test images to run, the first ones")
	cmd.Flags().Float64Var(&f.limit, "min-snr", 20, "signal-to-noise ratio below which a layer disagrees, in dB")
	cmd.Flags().StringVar(&f.data, "data", "", dataHelp)
	cmd.Flags().StringVar(&f.dataset, "dataset", "", "one of "+strings.Join(dataset.Sets(), ", ")+" (default: the one at --data, else the one that A names, else cifar10)")
	f.addNormalisation(cmd, "each file's")
	addGraph(cmd, &f.graph)
	addJSON(cmd, &f.asJSON)
	f.notes = stderrOf{cmd}
	sets := cobra.FixedCompletions(dataset.Sets(), cobra.ShellCompDirectiveNoFileComp)
	cmd.RegisterFlagCompletionFunc("dataset", sets)
}

// compare opens both files and the images.
func (f *compareFlags) compare(cmd *cobra.Command, pathA, pathB string) (r compare.Result, err error) {
	if f.images < 1 {
		return r, fmt.Errorf("--images %d: want at least one", f.images)
	}
	engine, err := f.engine()
	if err != nil {
		return r, err
	}
	defer engine.Close()
	a, usedA, err := f.open(pathA)
	if err != nil {
		return r, err
	}
	b, usedB, err := f.open(pathB)
	if err != nil {
		return r, err
	}
	if f.graph != "" && !usedA && !usedB {
		return r, fmt.Errorf("%s and %s: %w", pathA, pathB, weights.ErrOwnGraph)
	}
	sayNotes(f.notes, f.asJSON, pathA, a.Notes)
	sayNotes(f.notes, f.asJSON, pathB, b.Notes)
	options, err := a.Data(f.dataset, f.data)
	if err != nil {
		return r, err
	}
	options.TestOnly, options.TestLimit = true, f.images
	images, err := openImages(cmd, options, f.data != "" && f.dataset == "" && !f.asJSON)
	if err != nil {
		return r, err
	}
	return compare.Files(cmd.Context(), engine, a, b, images, f.limit)
}

// open reads one of the two files. A graph is for the one that does not say its
// own, or for both; used says that it was for this one.
func (f *compareFlags) open(path string) (file *measure.File, used bool, err error) {
	from := f.source(path)
	if file, err = measure.Open(from); f.graph == "" || !errors.Is(err, weights.ErrOwnGraph) {
		return file, f.graph != "", err
	}
	from.Graph = ""
	file, err = measure.Open(from)
	return file, false, err
}

// two wants exactly two arguments.
func two(first, second string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 2 {
			return fmt.Errorf("%s takes %s and %s and got %d arguments; see %[1]s --help", cmd.CommandPath(), first, second, len(args))
		}
		return nil
	}
}
