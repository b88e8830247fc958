package cli

import (
	"fmt"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"espalier/compress/measure"
	"espalier/compress/quantize"
	"espalier/internal/plural"
)

func newQuantize() *cobra.Command {
	var (
		f    fileFlags
		c    measure.Calibration
		out  string
		ends int
		size string
		drop string
	)
	cmd := &cobra.Command{
		Use:   "quantize FILE",
		Short: "Turn a network into one that computes in int8",
		Long: `Quantize folds batch norm into the convolutions, observes activations on
calibration images from the training part, never the test part, and writes an int8
network. Then it measures both networks on the test images. The recipe says
which framework's arithmetic it follows: ` + strings.Join(quantize.Recipes(), ", ") + `.

Codes of fewer than 8 bits are packed in the file and computed by the same integer
kernels. The first and the last layer lose most, and keep --first-last bits.

With --size or --mixed every layer's bits are chosen: each layer is measured alone at
every number of bits, on 1,000 training images that do not calibrate; then what costs
the least loss for a byte is taken first. The answer is a list of layers with reasons.`,
		Example: `  espalier quantize round-6.safetensors --images 1000 --observer moving-average
  espalier quantize dense.safetensors --weights 4 --activations 8 -o dense-w4a8.safetensors
  espalier quantize dense.safetensors --size 120kB`,
		Args:              one("FILE"),
		ValidArgsFunction: weightFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			c.Ends = quantize.Width{Weights: ends, Activations: ends}
			var err error
			if c.Mixed, err = mixedBudget(cmd, size, drop); err != nil {
				return err
			}
			path := out
			if path == "" {
				path = strings.TrimSuffix(args[0], filepath.Ext(args[0])) + "-int8.safetensors"
			}
			r, err := f.quantize(cmd, args[0], path, c)
			if err != nil {
				return err
			}
			return answer(cmd.OutOrStdout(), f.asJSON, r, r.String())
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&size, "size", "", "choose each layer's bits so that the weights fit this, as 60kB")
	cmd.Flags().StringVar(&drop, "mixed", "", "choose each layer's bits as low as top-1 on held-out training images drops by at most this, as 0.5%")
	cmd.Flags().IntVar(&c.Width.Weights, "weights", 8, "bits of weights: 8, 6, 4, 3 or 2")
	cmd.Flags().IntVar(&c.Width.Activations, "activations", 8, "bits of the activations that layers read: 8, 6, 4, 3 or 2")
	cmd.Flags().IntVar(&ends, "first-last", 8, "bits of the first and the last layer and of what they read")
	cmd.Flags().StringVarP(&out, "output", "o", "", "file to write (default: FILE's name with -int8)")
	cmd.Flags().StringVar(&c.Recipe, "recipe", quantize.Recipes()[0], "one of "+strings.Join(quantize.Recipes(), ", "))
	cmd.Flags().StringVar(&c.Observer, "observer", "", "activation observer, one of "+strings.Join(quantize.Observers(), ", ")+"; a percentile can say how much it keeps, as percentile-99.9 (default: the recipe's)")
	cmd.Flags().IntVar(&c.Images, "images", 1000, "calibration images")
	cmd.Flags().Uint64Var(&c.Seed, "seed", 1, "seed for choosing calibration images")
	cmd.Flags().BoolVar(&c.RoundBiases, "round-biases", false, "round biases to int32, so that the exported ONNX file computes the same (lab and ort always do)")
	cmd.Flags().StringVar(&c.Repair, "repair", "", "repairs to try and to keep where they help on held-out training images, never test images: "+quantize.AllRepairs+", or some of "+strings.Join(quantize.Repairs(), ","))
	cmd.Flags().BoolVar(&c.Count, "counters", false, "count saturated outputs, dead channels and sums beyond 16 bits, layer by layer, on 32 calibration images")
	cmd.Flags().BoolVar(&c.PerTensor, "per-tensor", false, "one weight scale for a whole layer rather than one for each output channel")
	cmd.RegisterFlagCompletionFunc("recipe", cobra.FixedCompletions(quantize.Recipes(), cobra.ShellCompDirectiveNoFileComp))
	cmd.RegisterFlagCompletionFunc("repair", cobra.FixedCompletions(append([]string{quantize.AllRepairs}, quantize.Repairs()...), cobra.ShellCompDirectiveNoFileComp))
	cmd.RegisterFlagCompletionFunc("observer", cobra.FixedCompletions(quantize.Observers(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// quantized is the answer of the command quantize.
type quantized struct {
	File     string                `json:"file"`
	Recipe   string                `json:"recipe"`
	Observer string                `json:"observer"`
	Images   int                   `json:"images"`
	Width    quantize.Width        `json:"width"` // of all layers but the first and the last
	Mixture  *quantize.Mixture     `json:"mixture,omitempty"`
	Bytes    int64                 `json:"bytes"` // of weights, scales, zero points and biases
	Float    measure.Result        `json:"float"`
	Int8     measure.Result        `json:"int8"`
	Repairs  []quantize.Repaired   `json:"repairs,omitempty"` // in the order tried
	Layers   []quantize.LayerCount `json:"layers,omitempty"`
}

func (q quantized) String() string {
	width, in := "", "int8"
	if q.Mixture != nil {
		width, in = fmt.Sprintf(", %s, %d bytes", q.Mixture.Counts(), q.Bytes), "integers"
	} else if q.Width != quantize.Eight {
		width, in = fmt.Sprintf(", %v, %d bytes", q.Width, q.Bytes), "integers"
	}
	scales := fmt.Sprintf("%s on %s", q.Observer, plural.Count(q.Images, "image"))
	if q.Images == 0 {
		scales, in = "scales of training", "integers"
	}
	return q.choices() + repairTable(q.Repairs) + counterTable(q.Layers) + fmt.Sprintf("%s: recipe %s, %s%s: top-1 %.2f %% in %s, %.2f %% in fp32, on %s",
		q.File, q.Recipe, scales, width, 100*q.Int8.Top1, in, 100*q.Float.Top1, q.Int8.Images())
}

// choices lists the bits of every layer, with reasons.
func (q quantized) choices() string {
	if q.Mixture == nil {
		return ""
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, c := range q.Mixture.Layers {
		fmt.Fprintf(w, "%s\t%d bits\t%s\n", c.Layer, c.Bits, c.Reason())
	}
	w.Flush()
	if !q.Mixture.Within {
		b.WriteString("The budget cannot be kept: this is the closest.\n")
	}
	fmt.Fprintf(&b, "On held-out training images top-1 is %.2f %%, and %.2f %% with 8 bits everywhere.\n", 100*q.Mixture.Mixed.Top1, 100*q.Mixture.Wide.Top1)
	return b.String()
}

// repairTable lists what repairs did, and nothing where none was asked for.
func repairTable(all []quantize.Repaired) string {
	if len(all) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%-16s %7s  %7s  %-5s %s\n", "repair", "top-1", "loss", "", "on held-out training images")
	for _, r := range all {
		verdict := "kept"
		if !r.Kept {
			verdict = "–"
		}
		fmt.Fprintf(&b, "%-16s %5.2f %%  %7.4f  %-5s %s\n", r.Name, 100*r.Top1, r.Loss, verdict, r.Did)
	}
	return b.String()
}

// counterTable lists what the kernels counted, with warnings below.
func counterTable(all []quantize.LayerCount) string {
	if len(all) == 0 {
		return ""
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "low %\thigh %\thead-room\tdead\trevived\tbeyond 16 bits %\t  layer")
	for _, c := range all {
		fmt.Fprintf(w, "%.2f\t%.2f\t%.1f bits\t%d\t%d\t%.3g\t  %s\n", 100*c.Low, 100*c.High, c.HeadRoom, c.Dead, c.Revived, 100*c.Pairs, c.Layer)
	}
	w.Flush()
	for _, c := range all {
		for _, text := range c.Warnings() {
			fmt.Fprintf(&b, "warning: %s\n", text)
		}
	}
	return b.String()
}

// quantize writes path and measures the network before and after.
func (f *fileFlags) quantize(cmd *cobra.Command, from, path string, c measure.Calibration) (q quantized, err error) {
	if err := c.Validate(); err != nil {
		return q, err
	}
	if err := checkOutput(path, ".safetensors", from, f.data); err != nil {
		return q, err
	}
	engine, err := f.engine()
	if err != nil {
		return q, err
	}
	defer engine.Close()
	file, options, err := f.open(from)
	if err != nil {
		return q, err
	}
	images, err := openImages(cmd, options, f.data != "" && f.dataset == "" && !f.asJSON)
	if err != nil {
		return q, err
	}
	integer, err := file.Quantize(cmd.Context(), engine, images, c)
	if err != nil {
		return q, err
	}
	if err := integer.Save(path); err != nil {
		return q, runError{err}
	}
	n := integer.Integer
	q = quantized{File: path, Recipe: n.Recipe.Name, Observer: n.Calibration.Observer, Images: n.Calibration.Images, Width: c.Width, Mixture: integer.Mixture, Repairs: integer.Repairs, Layers: integer.Counts, Bytes: n.Bytes()}
	if q.Float, err = file.Evaluate(cmd.Context(), engine, images); err != nil {
		return q, err
	}
	q.Int8, err = integer.Evaluate(cmd.Context(), engine, images)
	return q, err
}
