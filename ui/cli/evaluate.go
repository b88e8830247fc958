package cli

import (
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"espalier/compress/measure"
	"espalier/dataset"
)

// fileFlags say how to evaluate a file of weights.
type fileFlags struct {
	engineFlags
	sourceFlags
	data, dataset string
	limit         int
	against       string // a reference's logits, or empty
	asJSON        bool
	notes         io.Writer // for what a reader says beside the answer
}

func (f *fileFlags) add(cmd *cobra.Command) {
	f.engineFlags.add(cmd)
	cmd.Flags().StringVar(&f.data, "data", "", dataHelp)
	cmd.Flags().StringVar(&f.dataset, "dataset", "", "one of "+strings.Join(dataset.Sets(), ", ")+" (default: the one at --data, else the one that the file names, else cifar10)")
	f.addNormalisation(cmd, "the file's")
	f.sourceFlags.add(cmd)
	cmd.Flags().IntVar(&f.limit, "limit", 0, "measure only this many test images, the first ones (0: all)")
	addJSON(cmd, &f.asJSON)
	f.notes = stderrOf{cmd}
	sets := cobra.FixedCompletions(dataset.Sets(), cobra.ShellCompDirectiveNoFileComp)
	cmd.RegisterFlagCompletionFunc("dataset", sets)
}

func newEvaluate() *cobra.Command {
	var f fileFlags
	cmd := &cobra.Command{
		Use:   "evaluate FILE",
		Short: "Measure the accuracy and the sparsity of a file of weights",
		Long: `Evaluate runs the network in FILE over the test images and prints its top-1
accuracy, loss and sparsity. FILE is safetensors, a PyTorch checkpoint (.pt, .pth,
.th) or an ONNX file: any program's in float32, one that export wrote in int8. Only
the test part of the data set is read.

With --against it also prints how far the network's logits are from those that
another program computed for the first test images: a .npy file [images][classes],
or a .npz file with an array called logits.`,
		Example: `  espalier evaluate runs/quick-20261122-140219/checkpoints/round-6.safetensors
  espalier evaluate resnet20.th --mean imagenet --std imagenet --json
  espalier evaluate vgg.onnx --mean cifar10 --std cifar10 --against logits.npy`,
		Args:              one("FILE"),
		ValidArgsFunction: weightFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := f.evaluate(cmd, args[0], nil)
			if err != nil {
				return err
			}
			return answer(cmd.OutOrStdout(), f.asJSON, r, filepath.Base(args[0])+": "+r.String())
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&f.against, "against", "", "logits that another program computed for the first test images (.npy or .npz)")
	return cmd
}

// evaluate opens a file and the test images it was made for and measures it.
// Accept, if not nil, may refuse the file before that.
func (f *fileFlags) evaluate(cmd *cobra.Command, path string, accept func(*measure.File) error) (r measure.Result, err error) {
	engine, err := f.engine() // before images are read: a wrong flag should not take seconds
	if err != nil {
		return r, err
	}
	defer engine.Close()
	file, options, err := f.open(path)
	if err != nil {
		return r, err
	}
	if accept != nil {
		if err := accept(file); err != nil {
			return r, err
		}
	}
	options.TestOnly = true
	images, err := openImages(cmd, options, f.data != "" && f.dataset == "" && !f.asJSON)
	if err != nil {
		return r, err
	}
	if r, err = file.Evaluate(cmd.Context(), engine, images); err != nil || f.against == "" {
		return r, err
	}
	distance, err := file.Against(cmd.Context(), engine, images, f.against)
	r.Against = &distance
	return r, err
}

// open reads a file and says which images it is to be measured on.
func (f *fileFlags) open(path string) (*measure.File, dataset.Options, error) {
	file, err := measure.Open(f.source(path))
	if err != nil {
		return nil, dataset.Options{}, err
	}
	sayNotes(f.notes, f.asJSON, path, file.Notes)
	options, err := file.Data(f.dataset, f.data)
	options.TestLimit = f.limit
	return file, options, err
}
