package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"espalier/compress/measure"
	"espalier/compress/pipeline"
	"espalier/compress/search"
	"espalier/configs"
	"espalier/dataset"
	"espalier/internal/atomicfile"
)

// compressFlags say what to search for.
type compressFlags struct {
	sourceFlags
	data, set string
	drop      string
	goal      string
	hours     float64
	output    string
	override  []string
	threads   int
	kernel    string
	dryRun    bool
	asJSON    bool
}

func newCompress() *cobra.Command {
	var f compressFlags
	cmd := &cobra.Command{
		Use:   "compress MODEL",
		Short: "Make a network smaller or faster within a time and a drop of accuracy",
		Long: `Compress takes a PyTorch, safetensors or ONNX file and searches for a faster or a
smaller network that loses at most --max-drop of top-1. It measures MODEL first,
then tries int8 by every observer, and more and more zeros with fine-tuning, until
--hours are used up. Candidates are judged on images that are held out of
training; the test images are for the last lines only. A candidate that is
slower than what there is, or loses too much, is rejected, and the table says so.

The best network so far is in the folder --output at once: best.safetensors, and
at the end best.onnx, checked by reading it again and comparing logits. tried.md
is the table of what was tried and why it was taken or not. Ctrl+c ends the search
and keeps the best so far. Every run lies in the same folder and can be watched
with espalier attach FOLDER/run-1.

--dry-run measures, prints the plan, and writes it as an experiment.`,
		Example: `  espalier compress resnet20.th --data cifar-10-batches-bin --max-drop 1% --hours 0.5
  espalier compress mobilenetv2.onnx --data pictures --for size --mean imagenet --std imagenet
  espalier compress resnet20.th --data cifar-10-batches-bin --dry-run`,
		Args:              one("MODEL"),
		ValidArgsFunction: weightFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := f.options(cmd, args[0])
			if err != nil {
				return err
			}
			if f.dryRun {
				return f.plan(cmd, o)
			}
			outcome, err := search.Run(cmd.Context(), o)
			if err != nil {
				return err
			}
			err = answer(cmd.OutOrStdout(), f.asJSON, outcome, "\n"+outcome.String()+"\nwritten: "+strings.Join(outcome.Files, ", "))
			if err == nil && cmd.Context().Err() != nil {
				err = fmt.Errorf("the search was %w; the best so far is in %s", errInterrupted, f.output)
			}
			return err
		},
	}
	cmd.Flags().StringVar(&f.data, "data", "", dataHelp)
	cmd.Flags().StringVar(&f.set, "dataset", "", "one of "+strings.Join(dataset.Sets(), ", ")+" (default: the one at --data, else the one that MODEL names, else cifar10)")
	f.addNormalisation(cmd, "the file's")
	f.sourceFlags.add(cmd)
	cmd.Flags().StringVar(&f.drop, "max-drop", "1%", "most top-1 to lose, in points: 1%, or 0.01")
	cmd.Flags().StringVar(&f.goal, "for", search.Latency, "what is to become small: "+strings.Join(search.Goals(), " or "))
	cmd.Flags().Float64Var(&f.hours, "hours", 2, "time to search for")
	cmd.Flags().StringVarP(&f.output, "output", "o", "", "folder to write into, which must not be there yet (default: MODEL's name and -compressed)")
	cmd.Flags().StringArrayVar(&f.override, "set", nil, "change a value of every run, as --set fine_tune.learning_rate=0.005; may be repeated")
	cmd.Flags().IntVar(&f.threads, "threads", 0, "number of threads (0: all cores)")
	cmd.Flags().StringVar(&f.kernel, "kernel", "auto", "instruction set: auto, avx512, avx2 or go")
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "measure, print the plan, write it as an experiment, and stop")
	addJSON(cmd, &f.asJSON)
	cmd.RegisterFlagCompletionFunc("for", cobra.FixedCompletions(search.Goals(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// options checks the flags and makes the folder's name.
func (f *compressFlags) options(cmd *cobra.Command, path string) (o search.Options, err error) {
	drop, err := share(f.drop)
	if err != nil {
		return o, fmt.Errorf("--max-drop %w", err)
	}
	if f.goal != search.Latency && f.goal != search.Size {
		return o, fmt.Errorf("--for %q: want %s", f.goal, strings.Join(search.Goals(), " or "))
	}
	if !(f.hours > 0 && f.hours <= 1000) {
		return o, fmt.Errorf("--hours %g: want more than 0 and at most 1000", f.hours)
	}
	if f.output == "" {
		f.output = strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)) + "-compressed"
	}
	if _, err := os.Stat(f.output); !errors.Is(err, os.ErrNotExist) {
		return o, fmt.Errorf("%s is there already: name another folder with --output, or remove it", f.output)
	}
	base, err := f.base(path)
	if err != nil {
		return o, err
	}
	out := cmd.OutOrStdout()
	if f.asJSON {
		out = cmd.ErrOrStderr()
	}
	return search.Options{
		Model: f.source(path), Base: base, MaxDrop: drop, For: f.goal,
		Time: time.Duration(f.hours * float64(time.Hour)), Folder: f.output,
		Say: func(format string, values ...any) {
			fmt.Fprintf(out, "%s  %s\n", time.Now().Format("15:04:05"), fmt.Sprintf(format, values...))
		},
		Compute: func(ctx context.Context, run *pipeline.Run) (pipeline.RunDone, error) { return run.Do(ctx, parts()) },
	}, nil
}

// base is the experiment that all runs of the search have in common.
func (f *compressFlags) base(path string) (configs.Experiment, error) {
	var none configs.Experiment
	file, err := measure.OpenAsIs(f.source(path))
	if err != nil {
		return none, err
	}
	if file.Float == nil {
		return none, fmt.Errorf("%s is quantized already: give the network in floating point that it was made from", path)
	}
	images, err := file.Data(f.set, f.data)
	if err != nil {
		return none, err
	}
	document := fmt.Sprintf("data: {set: %s}\nfine_tune: {learning_rate: 0.01}\n", images.Set)
	set := []string{fmt.Sprintf("data.seed=%d", images.Seed), fmt.Sprintf("engine.threads=%d", f.threads), "engine.kernel=" + f.kernel}
	if f.data != "" {
		set = append(set, fmt.Sprintf("data.path=%q", f.data))
	}
	if images.Coarse && images.Set == dataset.CIFAR100 {
		set = append(set, "data.labels=coarse")
	}
	if images.Set == dataset.Folder {
		set = append(set, fmt.Sprintf("data.size=[%d, %d]", images.Height, images.Width), fmt.Sprintf("data.channels=%d", images.Channels))
	}
	return configs.Decode("compress.yaml", []byte(document), append(set, f.override...))
}

// plan prints what would be tried and writes it as an experiment.
func (f *compressFlags) plan(cmd *cobra.Command, o search.Options) error {
	p, err := search.MakePlan(cmd.Context(), o)
	if err != nil {
		return err
	}
	document, err := p.Experiment.YAML()
	if err != nil {
		return err
	}
	path := filepath.Join(o.Folder, "plan.yaml")
	err = atomicfile.Write(path, func(w io.Writer) error {
		_, err := w.Write(document)
		return err
	})
	if err != nil {
		return err
	}
	return answer(cmd.OutOrStdout(), f.asJSON, map[string]string{"plan": p.Text, "experiment": path}, p.Text+"\nwritten as an experiment: "+path)
}
