package cli

import (
	"context"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"espalier/compress/bench"
	"espalier/compress/measure"
	"espalier/model"
	"espalier/model/kernel"
	"espalier/model/zoo"
)

// benchFlags say what to measure.
type benchFlags struct {
	engineFlags
	sourceFlags
	algorithm string
	only      []string
	seconds   float64
	asJSON    bool
}

func newBench() *cobra.Command {
	var f benchFlags
	cmd := &cobra.Command{
		Use:   "bench [FILE]",
		Short: "Measure how fast this machine trains and runs a network",
		Long: `Bench measures the processor's peak speed, then training steps on batches of 128,
and inference in fp32, in int8 and sparse (pruned to 92 %), on one image and on 128,
each on one thread and on all. Then it measures which share of an epoch of CIFAR-10
goes to loading and augmenting images, and how late another goroutine wakes up during
training. Times are medians over repetitions.

A multiply-add counts as two operations. Winograd and sparse convolution need fewer
than are counted, so their share of the peak may exceed 100 %.

FILE is a network to measure, in floating point or quantized; without FILE it is the
trained ResNet-20 for CIFAR-10 that the program carries. The weights matter only for
the speed of sparse inference, which depends on how many weights pruning leaves in
each layer.`,
		Example: `  espalier bench
  espalier bench --only training,fp32 --algorithm direct --seconds 5
  ESPALIER_KERNEL=avx2 espalier bench --json`,
		Args:              atMostOne("FILE"),
		ValidArgsFunction: weightFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := f.options(args)
			if err != nil {
				return err
			}
			r, err := f.run(cmd.Context(), cmd.ErrOrStderr(), o)
			if err != nil {
				return err
			}
			return answer(cmd.OutOrStdout(), f.asJSON, r, benchTable(r))
		},
	}
	f.engineFlags.add(cmd)
	f.sourceFlags.add(cmd)
	cmd.Flags().StringVar(&f.algorithm, "algorithm", string(model.Auto), "convolution algorithm: auto, direct or winograd")
	cmd.Flags().StringSliceVar(&f.only, "only", nil, "measure only these, separated by commas: "+strings.Join(bench.Tasks(), ", "))
	cmd.Flags().Float64Var(&f.seconds, "seconds", 2, "seconds to spend on each row, without warm-up")
	addJSON(cmd, &f.asJSON)
	algorithms := []string{string(model.Auto), string(model.DirectOnly), string(model.WinogradOnly)}
	cmd.RegisterFlagCompletionFunc("algorithm", cobra.FixedCompletions(algorithms, cobra.ShellCompDirectiveNoFileComp))
	cmd.RegisterFlagCompletionFunc("only", cobra.FixedCompletions(bench.Tasks(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// options checks the flags and reads the network.
func (f *benchFlags) options(args []string) (o bench.Options, err error) {
	if f.threads < 0 {
		return o, fmt.Errorf("--threads %d: want 0 for all cores, or more", f.threads)
	}
	if !(f.seconds > 0 && f.seconds <= 3600) {
		return o, fmt.Errorf("--seconds %g: want more than 0 and at most 3600", f.seconds)
	}
	o = bench.Options{Threads: f.threads, Tasks: f.only, Time: time.Duration(f.seconds * float64(time.Second))}
	if o.Kernels, err = kernel.Select(f.kernel); err != nil {
		return o, err
	}
	if o.Algorithm, err = model.ParseAlgorithm(f.algorithm); err != nil {
		return o, err
	}
	if len(args) == 1 {
		file, err := measure.OpenAsIs(f.source(args[0]))
		if err != nil {
			return o, err
		}
		o.Network, o.Quantized = file.Float, file.Integer
		return o, nil
	}
	o.Network, err = zoo.Load("cifar10", model.Spec{Network: model.CIFARResNet})
	return o, err
}

// run measures and, on a terminal, says what is being measured.
func (f *benchFlags) run(ctx context.Context, stderr io.Writer, o bench.Options) (*bench.Report, error) {
	const clearLine = "\r\x1b[2K"
	if isTerminal(stderr) {
		o.Progress = func(done, total int, what string) {
			fmt.Fprintf(stderr, "%s%d of %d: %s", clearLine, done+1, total, what)
		}
		defer fmt.Fprint(stderr, clearLine)
	}
	return bench.Run(ctx, o)
}

// benchTable lays a report out for people.
func benchTable(r *bench.Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %.2f million multiply-adds an image; kernel %s, algorithm %s, %s\n\n", r.Network, float64(r.MACs)/1e6, r.Kernel, r.Algorithm, r.System)
	fmt.Fprintf(&b, "%-9s %7s %12s %12s\n", "peak", "threads", "fp32 Gop/s", "int8 Gop/s")
	for _, p := range r.Peaks {
		fmt.Fprintf(&b, "%-9s %7d %12.1f %12.1f\n", "", p.Threads, p.Float/1e9, p.Integer/1e9)
	}
	if w := r.Warning(); w != "" {
		fmt.Fprintf(&b, "warning: %s\n", w)
	}
	if len(r.Rows) > 0 {
		fmt.Fprintf(&b, "\n%-9s %7s %7s %11s %11s %9s %8s %12s %9s\n", "task", "batch", "threads", "images/s", "ms/batch", "Gop/s", "of peak", "memory", "sparsity")
	}
	for _, row := range r.Rows {
		fmt.Fprintf(&b, "%-9s %7d %7d %11.0f %11.3f %9.1f %6.0f %% %9.2f MB %7.1f %%",
			row.Task, row.Batch, row.Threads, row.Images, 1e3*row.Seconds, row.Operations/1e9, 100*row.OfPeak, float64(row.Bytes)/1e6, 100*row.Sparsity)
		if row.TimesDense > 0 {
			fmt.Fprintf(&b, "  %.2f times dense", row.TimesDense)
		}
		b.WriteByte('\n')
	}
	if e := r.Epoch; e != nil {
		fmt.Fprintf(&b, "\nan epoch of CIFAR-10 (training on 45,000 augmented images, evaluation of 5,000) takes %.1f s, %.2f %% of it for loading and augmenting; that is %s\n",
			e.Seconds, 100*e.Loading, against(e.Overhead))
	}
	if d := r.Delay; d != nil {
		fmt.Fprintf(&b, "\nduring training a goroutine woke up %.2f ms late (median of %d), %.2f ms at most\n", 1e3*d.Median, d.Wakeups, 1e3*d.Max)
	}
	return b.String()
}

// against says how an epoch's time differs from that of the same steps on one
// batch in memory. It may come out shorter by what the machine varies.
func against(overhead float64) string {
	switch percent := 100 * math.Abs(overhead); {
	case percent < 0.005:
		return "as long as on one batch in memory"
	case overhead < 0:
		return fmt.Sprintf("%.2f %% shorter than on one batch in memory, which is the machine's noise", percent)
	default:
		return fmt.Sprintf("%.2f %% longer than on one batch in memory", percent)
	}
}
