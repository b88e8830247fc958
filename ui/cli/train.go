package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newTrain() *cobra.Command {
	var (
		f      runFlags
		epochs float64
		depth  int
	)
	cmd := &cobra.Command{
		Use:   "train [EXPERIMENT]",
		Short: "Train a dense network from scratch",
		Long: `Train runs an experiment without its pruning rounds and its sweep: the network
starts from random weights (He initialisation), is trained on the experiment's
data with SGD and cosine annealing, measured, and quantized once. Without
EXPERIMENT it is cifar10. The network is the run's
checkpoints/dense.safetensors.`,
		Example: `  espalier train cifar10 --epochs 200
  espalier train quick --epochs 30 --set dense.learning_rate=0.05`,
		Args: atMostOne("EXPERIMENT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			name := "cifar10"
			if len(args) > 0 {
				name = args[0]
			}
			first := []string{
				"model.weights=scratch", "prune.targets=[]", "fine_tune.epochs=0", "sweep.sizes=[]",
				fmt.Sprintf("dense.epochs=%v", epochs),
			}
			if cmd.Flags().Changed("depth") {
				first = append(first, fmt.Sprintf("model.depth=%d", depth))
			}
			return f.begin(cmd, name, first)
		},
	}
	f.add(cmd)
	cmd.Flags().Float64Var(&epochs, "epochs", 100, "passes over the training images")
	cmd.Flags().IntVar(&depth, "depth", 20, "layers of the ResNet: 20, 32, 44 or 56 (default: the experiment's)")
	return cmd
}
