package cli

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"espalier/compress/cost"
	"espalier/compress/measure"
	"espalier/internal/plural"
	"espalier/model"
	"espalier/model/kernel"
)

// costFlags say what to count and measure.
type costFlags struct {
	engineFlags
	sourceFlags
	seconds float64
	layers  bool
	asJSON  bool
}

func newCost() *cobra.Command {
	var f costFlags
	cmd := &cobra.Command{
		Use:   "cost FILE...",
		Short: "Print what networks cost: parameters, multiply-adds, bytes, measured latency",
		Long: `Cost prints for every FILE the parameters, the weights that are not zero, the
MACs (multiply-adds of one image; FLOPs are 2 × MACs), the effective MACs (whose
weight is not zero), the peak memory of one image's values, and
the size of the safetensors file: dense, without its zeros as export
--sparse writes it, and dense with gzip and zstd.

Then it measures on this machine: one image on one thread and on all, and images
a second in batches of 128. A network in floating point is measured in fp32, by
lists of its weights if many of them are zero (fp32 is then the same network
without zeros), and quantized to int8. Times are medians; the quartiles stand in
parentheses. Sentences below them say what brings no gain, and why.`,
		Example: `  espalier cost dense.safetensors round-6.safetensors quantized.safetensors
  espalier cost mobilenetv2.onnx --layers
  espalier cost resnet20.th --seconds 0 --json`,
		Args:              atLeastOne("FILE"),
		ValidArgsFunction: weightFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := f.options()
			if err != nil {
				return err
			}
			var all []costOf
			for _, path := range args {
				c, err := f.cost(cmd.Context(), cmd.ErrOrStderr(), path, o)
				if err != nil {
					return err
				}
				all = append(all, c)
			}
			return answer(cmd.OutOrStdout(), f.asJSON, all, costTables(all))
		},
	}
	f.engineFlags.add(cmd)
	cmd.Flags().Float64Var(&f.seconds, "seconds", 0.5, "seconds to spend on each measurement, without warm-up; 0 measures nothing")
	cmd.Flags().BoolVar(&f.layers, "layers", false, "print every layer, too")
	f.sourceFlags.add(cmd)
	addJSON(cmd, &f.asJSON)
	return cmd
}

// A costOf is what one file costs.
type costOf struct {
	File    string `json:"file"`
	Network string `json:"network"`
	*cost.Report
}

func (f *costFlags) options() (o cost.Options, err error) {
	if f.threads < 0 {
		return o, fmt.Errorf("--threads %d: want 0 for all cores, or more", f.threads)
	}
	if !(f.seconds >= 0 && f.seconds <= 3600) {
		return o, fmt.Errorf("--seconds %g: want 0 to 3600", f.seconds)
	}
	o = cost.Options{Threads: f.threads, Time: time.Duration(f.seconds * float64(time.Second)), Algorithm: model.Auto, Layers: f.layers}
	o.Kernels, err = kernel.Select(f.kernel)
	return o, err
}

// cost counts and measures one file.
func (f *costFlags) cost(ctx context.Context, stderr io.Writer, path string, o cost.Options) (costOf, error) {
	file, err := measure.OpenAsIs(f.source(path))
	if err != nil {
		return costOf{}, err
	}
	sayNotes(stderr, f.asJSON, path, file.Notes)
	n := cost.Network{Float: file.Float, Integer: file.Integer, Metadata: file.Metadata}
	c := costOf{File: path}
	if n.Float != nil {
		c.Network = n.Float.Name
	} else {
		c.Network = n.Integer.Name
	}
	if o.Time == 0 {
		counts, err := cost.Count(n)
		c.Report = &cost.Report{Counts: counts, Speeds: []cost.Speed{}}
		return c, err
	}
	c.Report, err = cost.Measure(ctx, n, o)
	if err != nil {
		return c, fmt.Errorf("measuring %s: %w", path, err)
	}
	return c, nil
}

// costTables lays costs out for people.
func costTables(all []costOf) string {
	var b strings.Builder
	name := len("file")
	for _, c := range all {
		name = max(name, len([]rune(filepath.Base(c.File))))
	}
	row := fmt.Sprintf("%%-%ds", name)
	fmt.Fprintf(&b, row+" %12s %12s %12s %12s %10s %10s %10s %10s %10s\n", "file",
		"parameters", "non-zero", "MACs", "effective", "dense kB", "sparse kB", "gzip kB", "zstd kB", "values kB")
	kB := func(bytes int64) string { return fmt.Sprintf("%.1f", float64(bytes)/1e3) }
	for _, c := range all {
		fmt.Fprintf(&b, row+" %12s %12s %12s %12s %10s %10s %10s %10s %10s\n", filepath.Base(c.File),
			plural.Thousands(c.Parameters), plural.Thousands(c.NonZero), million(c.MACs), million(c.EffectiveMACs),
			kB(c.Bytes.Dense), kB(c.Bytes.Sparse), kB(c.Bytes.Gzip), kB(c.Bytes.Zstd), kB(c.Activations))
	}
	b.WriteString("\nnon-zero counts weights of convolutions and linear layers; FLOPs are 2 × MACs\n")
	costSpeeds(&b, row, all)
	for _, c := range all {
		for _, note := range c.Notes {
			fmt.Fprintf(&b, "\n%s: %s\n", filepath.Base(c.File), note)
		}
	}
	for _, c := range all {
		if len(c.Layers) > 0 && c.Layers[0].Seconds != nil {
			costLayers(&b, c)
		}
	}
	return b.String()
}

func million(macs int64) string { return fmt.Sprintf("%.2f M", float64(macs)/1e6) }

// costSpeeds lists what was measured.
func costSpeeds(b *strings.Builder, row string, all []costOf) {
	first := all[0].Report
	if len(first.Speeds) == 0 {
		return
	}
	threads := 0
	for _, s := range first.Speeds {
		threads = max(threads, s.Threads)
	}
	fmt.Fprintf(b, "\nmeasured on %s, kernel %s; %s in all\n\n", first.Machine, first.Kernel, plural.Count(threads, "thread"))
	fmt.Fprintf(b, row+" %-12s %28s %28s %14s\n", "file", "form", "1 image, 1 thread (ms)", "1 image, all (ms)", "128: images/s")
	for _, c := range all {
		for _, form := range []string{cost.Float, cost.Sparse, cost.Integer} {
			one, ok := c.Speed(form, 1, 1)
			if !ok {
				continue
			}
			every, _ := c.Speed(form, 1, 0)
			batch := ""
			if s, ok := c.Speed(form, cost.Batch, 0); ok {
				batch = fmt.Sprintf("%.0f", s.Images())
			}
			fmt.Fprintf(b, row+" %-12s %28s %28s %14s\n", filepath.Base(c.File), form, quartiles(one), quartiles(every), batch)
		}
	}
}

// quartiles writes a time in ms as "1.203 (1.198 to 1.211)".
func quartiles(s cost.Speed) string {
	return fmt.Sprintf("%.3f (%.3f to %.3f)", 1e3*s.Seconds, 1e3*s.Low, 1e3*s.High)
}

// costLayers lists a network's layers.
func costLayers(b *strings.Builder, c costOf) {
	name := len("layer")
	for _, l := range c.Layers {
		name = max(name, len([]rune(l.Name)))
	}
	var forms []string
	for _, form := range []string{cost.Float, cost.Sparse, cost.Integer} {
		if _, ok := c.Speed(form, 1, 1); ok {
			forms = append(forms, form)
		}
	}
	fmt.Fprintf(b, "\n%s, one image on one thread; a layer's time is that of its step, with batch norm, activation and sum\n\n", filepath.Base(c.File))
	row := fmt.Sprintf("%%-%ds %%-16s %%12s %%12s %%12s %%12s", name)
	fmt.Fprintf(b, row, "layer", "weight", "parameters", "non-zero", "MACs", "effective")
	for _, form := range forms {
		fmt.Fprintf(b, " %14s", form+" µs")
	}
	b.WriteByte('\n')
	for _, l := range c.Layers {
		shape := strings.Trim(strings.ReplaceAll(fmt.Sprint(l.Shape), " ", "×"), "[]")
		fmt.Fprintf(b, row, l.Name, shape, plural.Thousands(l.Parameters), plural.Thousands(l.NonZero), million(l.MACs), million(l.EffectiveMACs))
		for _, form := range forms {
			fmt.Fprintf(b, " %14.1f", 1e6*l.Seconds[form])
		}
		b.WriteByte('\n')
	}
}
