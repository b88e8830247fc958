package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"espalier/compress/pipeline"
	"espalier/configs"
	"espalier/dataset"
)

// runFlags say what an experiment changes and how it is shown.
type runFlags struct {
	set     []string
	seed    uint64
	threads int
	kernel  string
	data    string
	mean    string
	std     string
	display displayFlags
	runDir  string
	resume  string
}

// defaultRuns is where run folders are made.
const defaultRuns = "runs"

func (f *runFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.set, "set", nil, "change a value, as --set gate.min_top1=0.9; may be repeated")
	cmd.Flags().Uint64Var(&f.seed, "seed", 1, "seed of every random choice (default: the experiment's)")
	cmd.Flags().IntVar(&f.threads, "threads", 0, "number of threads; results do not depend on it (0: all cores)")
	cmd.Flags().StringVar(&f.kernel, "kernel", "auto", "instruction set: auto, avx512, avx2 or go")
	cmd.Flags().StringVar(&f.data, "data", "", dataHelp)
	cmd.Flags().StringVar(&f.mean, "mean", "", "mean per colour channel, or cifar10 or imagenet (default: that of model.weights)")
	cmd.Flags().StringVar(&f.std, "std", "", "standard deviation per colour channel, or cifar10 or imagenet (default: that of model.weights)")
	addRunDir(cmd, &f.runDir)
	f.display.add(cmd)
	cmd.RegisterFlagCompletionFunc("kernel", cobra.FixedCompletions(append([]string{"auto"}, kernelNames()...), cobra.ShellCompDirectiveNoFileComp))
}

func addRunDir(cmd *cobra.Command, dir *string) {
	cmd.Flags().StringVar(dir, "run-dir", defaultRuns, "folder that holds the runs")
}

// overrides returns the flags as --set would have them; a flag of its own wins.
func (f *runFlags) overrides(cmd *cobra.Command) []string {
	all := append([]string{}, f.set...)
	for flag, override := range map[string]string{
		"seed":    fmt.Sprintf("seed=%d", f.seed),
		"threads": fmt.Sprintf("engine.threads=%d", f.threads),
		"kernel":  "engine.kernel=" + f.kernel,
		"data":    fmt.Sprintf("data.path=%q", f.data),
		"mean":    fmt.Sprintf("model.mean=%q", f.mean),
		"std":     fmt.Sprintf("model.std=%q", f.std),
	} {
		if cmd.Flags().Changed(flag) {
			all = append(all, override)
		}
	}
	return all
}

func newRun() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run [EXPERIMENT]",
		Short: "Run an experiment from the dense network to the sweep",
		Long: `Run takes a network through an experiment: evaluation, rounds of pruning and
fine-tuning, fusion, calibration, int8 quantization, and a sweep over calibration
sizes. EXPERIMENT is a YAML file or one of
` + strings.Join(configs.Presets(), ", ") + `; without it, it is quick. On a
terminal the screen shows the run live; elsewhere it prints lines.

Each run has its own folder under --run-dir. --resume continues a run that was
interrupted, stopped or failed: from any working directory, with other
--threads if you like, and with --data if its images were moved. Closing the
terminal does not stop the run.`,
		Example: `  espalier run cifar10 --data ~/cifar-10-batches-bin
  espalier run quick --set gate.max_drop=0.02 --seed 7 --plain
  espalier run --resume quick-20261122-140219`,
		Args: atMostOne("EXPERIMENT"),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return configs.Presets(), cobra.ShellCompDirectiveDefault
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.resume != "" {
				if len(args) > 0 {
					return fmt.Errorf("--resume %s goes on with that run's own experiment; leave out %s", f.resume, args[0])
				}
				return f.goOn(cmd)
			}
			name := "quick"
			if len(args) > 0 {
				name = args[0]
			}
			return f.begin(cmd, name, nil)
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&f.resume, "resume", "", "run to go on with, by name or folder")
	cmd.RegisterFlagCompletionFunc("resume", runNames)
	return cmd
}

// begin starts a run of the named experiment; first are overrides that the
// user's may override again.
func (f *runFlags) begin(cmd *cobra.Command, name string, first []string) error {
	overrides := append(first, f.overrides(cmd)...)
	e, err := configs.Load(name, overrides)
	if set := f.recognised(cmd); set != "" && (err != nil || e.Data.Set != set) {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s holds %s: data.set becomes %s\n", f.data, contents(set), set)
		e, err = configs.Load(name, append([]string{"data.set=" + set}, overrides...))
	}
	if err != nil {
		return err
	}
	if e.Model.Std != "" {
		if _, err := dataset.ParseMean(e.Model.Mean); err != nil {
			return fmt.Errorf("model.%w", err)
		}
		if _, err := dataset.ParseStd(e.Model.Std); err != nil {
			return fmt.Errorf("model.%w", err)
		}
	}
	if err := ensureData(cmd, e.Data); err != nil {
		return err
	}
	run, err := pipeline.Create(f.runDir, "", e)
	if err != nil {
		return err
	}
	return f.display.compute(cmd, run, parts())
}

// recognised says which data set --data names, where --set does not name one.
func (f *runFlags) recognised(cmd *cobra.Command) string {
	named := slices.ContainsFunc(f.set, func(s string) bool { return strings.HasPrefix(s, "data.set=") })
	if !cmd.Flags().Changed("data") || named {
		return ""
	}
	return dataset.Recognise(f.data)
}

// goOn takes up a run that was interrupted. How it is shown, with how many threads
// it goes on and where the same images lie is free; all else is as it was.
func (f *runFlags) goOn(cmd *cobra.Command) error {
	for _, flag := range []string{"set", "seed", "kernel", "mean", "std"} {
		if cmd.Flags().Changed(flag) {
			return fmt.Errorf("--%s cannot change a run that has begun: edit its experiment.yaml, or begin another run", flag)
		}
	}
	if f.threads < 0 {
		return fmt.Errorf("--threads %d: want 0 for all cores, or more", f.threads)
	}
	folder, err := findRun(f.runDir, f.resume)
	if err != nil {
		return err
	}
	run, err := pipeline.Continue(folder)
	if err != nil {
		return err
	}
	if cmd.Flags().Changed("data") {
		if err := run.MoveData(f.data); err != nil {
			run.Close()
			return err
		}
	}
	if cmd.Flags().Changed("threads") {
		run.Experiment.Engine.Threads = f.threads // which no result depends on
	}
	return f.display.compute(cmd, run, parts())
}

// ensureData looks whether the images are there before a run folder is made for
// an experiment that needs them, and offers to download CIFAR-10 where no place
// was named.
func ensureData(cmd *cobra.Command, d configs.Data) error {
	switch d.Set {
	case configs.CIFAR10:
	case configs.CIFAR100:
		_, err := dataset.Open(dataset.Options{Set: d.Set, Path: d.Path, TestLimit: 1, TestOnly: true})
		return err
	default:
		_, _, err := dataset.Describe(dataset.Options{Set: d.Set, Path: d.Path, Seed: d.Seed})
		return err
	}
	look := func() error {
		_, err := dataset.Open(dataset.Options{Set: d.Set, Path: d.Path, TestLimit: 1, TestOnly: true})
		return err
	}
	err := look()
	if err == nil || d.Path != "" {
		return err
	}
	if err := offerFetch(cmd, err); err != nil {
		return err
	}
	return look()
}
