package cli

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"espalier/compress/cost"
	"espalier/compress/measure"
	"espalier/compress/prune"
	"espalier/internal/plural"
	"espalier/model/weights"
)

// pruneFlags say what a network loses.
type pruneFlags struct {
	fileFlags
	measure.Pruning
	out         string
	latencyMS   float64
	sensitivity string
	shares      []float64
}

func newPrune() *cobra.Command {
	f := pruneFlags{Pruning: measure.Pruning{Limits: prune.DefaultLimits(), Machine: cost.Machine()}}
	cmd := &cobra.Command{
		Use:   "prune FILE",
		Short: "Remove channels from a network, or make weights zero, without training",
		Long: `Prune removes whole channels from the network in FILE, so that it becomes smaller
and faster everywhere, and writes the result. Channels that some operator ties
together, as a sum does, go together. One budget says how much goes: --channels,
--macs and --parameters take the share that is removed, --latency-ms the time for
one image, measured on this machine. The answer first says what is possible under
the limits, then what each group of channels kept.

--weights makes that share of the remaining weights zero, by magnitude.

--sensitivity writes no network: it measures what accuracy falls to when one group
alone loses channels, and keeps the table in a file, from which it goes on when it
was interrupted.

Without training accuracy falls: where there are images, batch norm's statistics
are estimated anew on training images, and both networks are measured on held-out
validation images. Fine-tune the file to win the rest back.`,
		Example: `  espalier prune resnet20.th --macs 0.5 -o half.safetensors
  espalier prune mobilenetv2.onnx --latency-ms 4 --latency-table times.json
  espalier prune dense.safetensors --channels 0.3 --criterion taylor --round-to 1 --weights 0.8`,
		Args:              one("FILE"),
		ValidArgsFunction: weightFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.sensitivity != "" {
				s, err := f.measureSensitivity(cmd, args[0])
				if err != nil {
					return err
				}
				return answer(cmd.OutOrStdout(), f.asJSON, s, sensitivityTable(s))
			}
			r, err := f.prune(cmd, args[0])
			if err != nil {
				return err
			}
			return answer(cmd.OutOrStdout(), f.asJSON, r, pruneTable(r))
		},
	}
	f.add(cmd)
	flags := cmd.Flags()
	flags.Lookup("limit").Usage = "number of validation images that --sensitivity measures on, from the first (0: all)"
	flags.StringVarP(&f.out, "output", "o", "", "file to write (default: FILE's name with -pruned)")
	flags.Float64Var(&f.Share, "channels", 0, "share of the channels to remove, 0 to 1")
	flags.Float64Var(&f.MACs, "macs", 0, "share of the multiply-adds to remove, 0 to 1")
	flags.Float64Var(&f.Parameters, "parameters", 0, "share of the parameters to remove, 0 to 1")
	flags.Float64Var(&f.latencyMS, "latency-ms", 0, "milliseconds that one image may take on this machine")
	flags.StringVar(&f.Table, "latency-table", "", "file that keeps measured times for the next search")
	flags.IntVar(&f.Runs, "runs", 201, "runs of which a measured time is the median; 0 measures no time")
	flags.Float64Var(&f.Weights, "weights", 0, "share of the remaining weights to make zero, 0 to 1")
	flags.StringVar(&f.Criterion, "criterion", prune.L2, "what ranks channels: "+strings.Join(prune.ChannelCriteria(), ", "))
	flags.StringVar(&f.Normalise, "normalise", prune.ByMean, "how scores of different groups become comparable: "+strings.Join(prune.Normalisations(), ", "))
	flags.IntVar(&f.RoundTo, "round-to", f.RoundTo, "keep multiples of so many channels, as kernels like; 1 allows any number")
	flags.Float64Var(&f.Floor, "floor", f.Floor, "share of every group's channels that stays in any case, 0 to 1")
	flags.BoolVar(&f.PerLayer, "per-layer", false, "keep the same share of every group, instead of ranking all together")
	flags.IntVar(&f.Images, "images", 1000, "training images for the criterion taylor")
	flags.IntVar(&f.NormImages, "bn-images", 1000, "training images to estimate batch norm's statistics on, where there are images; 0 keeps them")
	flags.Uint64Var(&f.Seed, "seed", 1, "seed of the criterion random and of the choice of images")
	flags.StringVar(&f.sensitivity, "sensitivity", "", "file for what accuracy falls to when one group loses channels")
	flags.Float64SliceVar(&f.shares, "shares", []float64{0.125, 0.25, 0.5, 0.75}, "shares of a group's channels that --sensitivity removes")
	cmd.RegisterFlagCompletionFunc("criterion", cobra.FixedCompletions(prune.ChannelCriteria(), cobra.ShellCompDirectiveNoFileComp))
	cmd.RegisterFlagCompletionFunc("normalise", cobra.FixedCompletions(prune.Normalisations(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// check refuses flags that fit no network.
func (f *pruneFlags) check() error {
	if f.Share == 0 && f.MACs == 0 && f.Pruning.Parameters == 0 && f.latencyMS == 0 && f.Weights == 0 {
		return errors.New("say how much to remove: --channels, --macs, --parameters, --latency-ms or --weights")
	}
	if f.latencyMS != 0 && f.Budget != (prune.Budget{}) {
		return errors.New("--latency-ms is a budget of its own: leave out --channels, --macs and --parameters")
	}
	if f.latencyMS < 0 || f.latencyMS > 0 && f.Runs < 1 {
		return fmt.Errorf("--latency-ms %g with --runs %d: want a time above 0 and at least 1 run", f.latencyMS, f.Runs)
	}
	if f.Runs < 0 || f.Images < 1 || f.NormImages < 0 {
		return fmt.Errorf("--runs %d, --images %d, --bn-images %d: want 0, 1 and 0 or more", f.Runs, f.Images, f.NormImages)
	}
	if !(f.Weights >= 0 && f.Weights < 1) {
		return fmt.Errorf("--weights %g: want 0 to below 1", f.Weights)
	}
	return nil
}

// prune writes the smaller network.
func (f *pruneFlags) prune(cmd *cobra.Command, from string) (r measure.Pruned, err error) {
	if err := f.check(); err != nil {
		return r, err
	}
	f.Seconds = f.latencyMS / 1e3
	path := f.out
	if path == "" {
		path = strings.TrimSuffix(from, filepath.Ext(from)) + "-pruned.safetensors"
	}
	if err := checkOutput(path, ".safetensors", from, f.data, f.Table); err != nil {
		return r, err
	}
	engine, err := f.engine()
	if err != nil {
		return r, err
	}
	defer engine.Close()
	file, options, err := f.open(from)
	if err != nil {
		return r, err
	}
	options.ValidationShare = heldOut
	images, err := openImages(cmd, options, f.data != "" && f.dataset == "" && !f.asJSON)
	if err != nil && (f.data != "" || f.dataset != "" || f.Criterion == prune.Taylor) {
		return r, err
	}
	if err != nil {
		sayNotes(cmd.ErrOrStderr(), f.asJSON, from, []string{"there are no images to estimate batch norm's statistics and accuracy on; give --data"})
		images = nil
	}
	say, done := progress(cmd.ErrOrStderr())
	defer done()
	small, r, err := file.Prune(cmd.Context(), engine, images, f.Pruning, say)
	if err != nil {
		return r, err
	}
	r.File = path
	if err := weights.Save(path, small.Float, small.Metadata); err != nil {
		return r, runError{err}
	}
	return r, nil
}

// progress returns what says on a terminal what is being done, and what clears it.
func progress(stderr io.Writer) (say func(string), done func()) {
	if !isTerminal(stderr) {
		return func(string) {}, func() {}
	}
	const clearLine = "\r\x1b[2K"
	return func(what string) { fmt.Fprintf(stderr, "%s%s", clearLine, what) }, func() { io.WriteString(stderr, clearLine) }
}

// measureSensitivity measures one group after the other.
func (f *pruneFlags) measureSensitivity(cmd *cobra.Command, from string) (s measure.Sensitivity, err error) {
	if err := checkOutput(f.sensitivity, ".json", from, f.data); err != nil {
		return s, err
	}
	engine, err := f.engine()
	if err != nil {
		return s, err
	}
	defer engine.Close()
	file, options, err := f.open(from)
	if err != nil {
		return s, err
	}
	options.ValidationShare = heldOut
	images, err := openImages(cmd, options, f.data != "" && f.dataset == "" && !f.asJSON)
	if err != nil {
		return s, err
	}
	say, done := progress(cmd.ErrOrStderr())
	defer done()
	return file.Sensitivity(cmd.Context(), engine, images, f.Pruning, f.shares, f.limit, f.sensitivity, say)
}

// sensitivityTable has a row for each group and a column for each share.
func sensitivityTable(s measure.Sensitivity) string {
	var b strings.Builder
	fmt.Fprintf(&b, "top-1 on %s, dense %.2f %%, where one group alone loses channels\n\n", plural.Count(s.Images, "validation image"), 100*s.Dense.Top1)
	name := len("group")
	for _, g := range s.Groups {
		name = max(name, len([]rune(g.Name)))
	}
	fmt.Fprintf(&b, "%-*s %9s", name, "group", "channels")
	for _, share := range s.Shares {
		fmt.Fprintf(&b, " %8s", fmt.Sprintf("-%.4g %%", 100*share))
	}
	for _, g := range s.Groups {
		fmt.Fprintf(&b, "\n%-*s %9d", name, g.Name, g.Channels)
		for _, p := range g.Points {
			fmt.Fprintf(&b, " %8.2f", 100*p.Top1)
		}
	}
	return b.String()
}

// heldOut is the share of the training images that accuracies are measured on.
// It is the presets', so that a network of theirs has not seen these images.
const heldOut = 0.1

// pruneTable lays out what was possible, what was done and what it cost.
func pruneTable(r measure.Pruned) string {
	var b strings.Builder
	if r.Asked > 0 {
		fmt.Fprintf(&b, "%s: asked %.3f ms, got %.3f ms, median of at least %d runs\n", r.File, 1e3*r.Asked, 1e3*r.After.Seconds, r.Runs)
	} else {
		fmt.Fprintf(&b, "%s: %s multiply-adds of %s, %s parameters of %s\n", r.File,
			plural.Thousands(r.After.MACs), plural.Thousands(r.Before.MACs), plural.Thousands(r.After.Parameters), plural.Thousands(r.Before.Parameters))
	}
	fmt.Fprintf(&b, "\n%-22s %9s %14s %12s %9s %10s %8s\n", "network", "channels", "multiply-adds", "parameters", "zeros", "ms/image", "top-1")
	for _, row := range []struct {
		name string
		s    measure.PrunedSize
	}{{"before", r.Before}, {"after", r.After}, {"middle of the limits", r.Middle}, {"smallest of the limits", r.Smallest}} {
		seconds, top1 := "", ""
		if row.s.Seconds > 0 {
			seconds = fmt.Sprintf("%.3f", 1e3*row.s.Seconds)
		}
		if row.s.Top1 != nil {
			top1 = fmt.Sprintf("%.2f %%", 100**row.s.Top1)
		}
		fmt.Fprintf(&b, "%-22s %9d %14s %12s %7.2f %% %10s %8s\n", row.name, row.s.Channels, plural.Thousands(row.s.MACs), plural.Thousands(row.s.Parameters), 100*row.s.Sparsity, seconds, top1)
	}
	if r.Norms > 0 {
		fmt.Fprintf(&b, "\nbatch norm's statistics are estimated anew on %s\n", plural.Count(r.Norms, "training image"))
	}
	if r.Images > 0 {
		fmt.Fprintf(&b, "top-1 on %s, before any training\n", plural.Count(r.Images, "validation image"))
	}
	name := len("group")
	for _, g := range r.Groups {
		name = max(name, len([]rune(g.Name)))
	}
	if slices.ContainsFunc(r.Groups, func(g measure.PrunedGroup) bool { return g.Kept < g.Channels }) {
		fmt.Fprintf(&b, "\n%-*s  %-22s %s\n", name, "group", "kept", "tied by")
		for _, g := range r.Groups {
			fmt.Fprintf(&b, "%-*s  %4d of %-5d %-9s %s\n", name, g.Name, g.Kept, g.Channels, keptBar(g.Kept, g.Channels), ties(g.Ties))
		}
	}
	return b.String()
}

// keptBar draws a share in up to 8 blocks.
func keptBar(part, whole int) string {
	return strings.Repeat("█", (8*part+whole/2)/whole)
}

// ties names the first reason, and counts the others.
func ties(all []string) string {
	switch len(all) {
	case 0:
		return ""
	case 1:
		return all[0]
	}
	return fmt.Sprintf("%s, and %s", all[0], plural.Count(len(all)-1, "more node"))
}
