package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

func newTrain() *cobra.Command {
	var (
		f      runFlags
		epochs float64
		depth  int
		qat    string
		widths string
	)
	cmd := &cobra.Command{
		Use:   "train [EXPERIMENT]",
		Short: "Train a dense network from scratch",
		Long: `Train runs an experiment without its pruning rounds and its sweep: the network
starts from random weights (He initialisation), is trained on the experiment's
data with SGD and cosine annealing, measured, and quantized once. Without
EXPERIMENT it is cifar10. The network is the run's
checkpoints/dense.safetensors.

With --qat FILE the network in FILE, a checkpoint of any program, is trained on with
weights and activations rounded as in the network in integers, which is the run's
quantized.safetensors. Several --widths are trained one after the other. Scales are
learned (--set qat.learned=false keeps them fixed); zeros of a pruned network stay.`,
		Example: `  espalier train cifar10 --epochs 200
  espalier train quick --epochs 30 --set dense.learning_rate=0.05
  espalier train cifar10 --qat round-6.safetensors --widths W6A6,W4A4 --epochs 10`,
		Args: atMostOne("EXPERIMENT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			name := "cifar10"
			if len(args) > 0 {
				name = args[0]
			}
			// What the experiment tells about itself is not true without its rounds.
			first := []string{`about=""`, "prune.targets=[]", "fine_tune.epochs=0", "sweep.sizes=[]"}
			if cmd.Flags().Changed("qat") {
				if !cmd.Flags().Changed("epochs") {
					epochs = 10
				}
				first = append(first, fmt.Sprintf("model.weights=%q", qat), "dense.epochs=0",
					fmt.Sprintf("qat.widths=[%s]", widths), fmt.Sprintf("qat.train.epochs=%v", epochs))
			} else if cmd.Flags().Changed("widths") {
				return errors.New("--widths are those of --qat FILE: name the file to begin with")
			} else {
				first = append(first, "model.weights=scratch", fmt.Sprintf("dense.epochs=%v", epochs))
			}
			if cmd.Flags().Changed("depth") {
				first = append(first, fmt.Sprintf("model.depth=%d", depth))
			}
			return f.begin(cmd, name, first)
		},
	}
	f.add(cmd)
	cmd.Flags().Float64Var(&epochs, "epochs", 100, "passes over the training images; with --qat for each of the widths, and 10 unless said otherwise")
	cmd.Flags().StringVar(&qat, "qat", "", "file of a network to train on with rounded weights and activations")
	cmd.Flags().StringVar(&widths, "widths", "W8A8", "bits of weights and activations for --qat, one after the other, as W8A8,W4A4")
	cmd.Flags().IntVar(&depth, "depth", 20, "layers of the ResNet: 20, 32, 44 or 56 (default: the experiment's)")
	return cmd
}
