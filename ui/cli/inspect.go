package cli

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"espalier/compress/measure"
	"espalier/internal/plural"
	"espalier/model"
)

func newInspect() *cobra.Command {
	var f engineFlags
	var from sourceFlags
	var asJSON, plan bool
	var batch int
	cmd := &cobra.Command{
		Use:   "inspect FILE",
		Short: "Print a network's nodes, shapes, parameters and multiply-adds",
		Long: `Inspect prints the network in FILE as a graph: every node with its operator, its
inputs, the shape of its output, its parameters and its multiply-adds for one
image. --plan prints what the network is compiled to as well: the steps of
evaluation and of training, and their memory. No data is read.`,
		Example: `  espalier inspect mobilenetv2.onnx
  espalier inspect resnet18.pth --plan --batch 32`,
		Args:              one("FILE"),
		ValidArgsFunction: weightFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			if plan && asJSON {
				return errors.New("give only one of --plan and --json")
			}
			g, notes, err := measure.OpenGraph(from.source(args[0]))
			if err != nil {
				return err
			}
			sayNotes(cmd.ErrOrStderr(), asJSON, args[0], notes)
			r := inspected(g)
			if err := answer(cmd.OutOrStdout(), asJSON, r, strings.TrimSuffix(r.String(), "\n")); err != nil || !plan {
				return err
			}
			engine, err := f.engine()
			if err != nil {
				return err
			}
			defer engine.Close()
			return printPlans(cmd.OutOrStdout(), g, engine, batch)
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&plan, "plan", false, "print the compiled steps and their memory (not with --json)")
	cmd.Flags().IntVar(&batch, "batch", 128, "images of a batch that plans are made for")
	from.add(cmd)
	addJSON(cmd, &asJSON)
	return cmd
}

// printPlans prints what a network is compiled to.
func printPlans(w io.Writer, g *model.Graph, e *model.Engine, batch int) error {
	if batch < 1 {
		return fmt.Errorf("--batch %d: want at least 1", batch)
	}
	fmt.Fprintf(w, "\n%s", model.NewEvaluator(g, e, batch).Plan())
	if g.Fused() && slices.ContainsFunc(g.Nodes, func(n *model.Node) bool { _, ok := n.Op.(model.BatchNorm); return ok }) {
		return nil
	}
	t, err := model.NewTrainer(g.Clone(), e, batch, model.SGD{})
	if err != nil {
		fmt.Fprintf(w, "\nno plan of training: %s\n", err)
		return nil
	}
	fmt.Fprintf(w, "\n%s", t.Plan())
	return nil
}

// An inspection is what inspect answers.
type inspection struct {
	Name       string           `json:"name"`
	Input      [3]int           `json:"input"` // [c][h][w]
	Classes    int              `json:"classes"`
	Parameters int              `json:"parameters"`
	Weights    int              `json:"weights"` // of convolutions and linear layers
	Zero       int              `json:"zero"`    // of these
	MACs       int64            `json:"macs"`    // multiply-adds of one image
	Nodes      []inspectionNode `json:"nodes"`
}

type inspectionNode struct {
	Name       string   `json:"name"`
	Op         string   `json:"op"`
	Inputs     []string `json:"inputs"`
	Shape      [3]int   `json:"shape"`
	Parameters int      `json:"parameters"`
	MACs       int64    `json:"macs"`

	op model.Op
}

func inspected(g *model.Graph) inspection {
	in := g.Input().Shape
	r := inspection{
		Name: g.Name, Input: [3]int{in.C, in.H, in.W}, Classes: g.Classes(), Parameters: g.ParameterCount(), MACs: g.MACs(),
	}
	r.Zero, r.Weights = g.Sparsity()
	for _, n := range g.Nodes {
		i := inspectionNode{
			Name: n.Name, Op: model.OpName(n.Op), Inputs: []string{}, Shape: [3]int{n.Shape.C, n.Shape.H, n.Shape.W},
			Parameters: len(n.Weight) + len(n.Bias), MACs: n.MACs(), op: n.Op,
		}
		for _, x := range n.Inputs {
			i.Inputs = append(i.Inputs, x.Name)
		}
		r.Nodes = append(r.Nodes, i)
	}
	return r
}

// String draws the inspection as a table.
func (r inspection) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: images of %d×%d×%d, %d classes, %s parameters, %s multiply-adds an image\n\n",
		r.Name, r.Input[0], r.Input[1], r.Input[2], r.Classes, plural.Thousands(r.Parameters), plural.Thousands(r.MACs))
	name := len("node")
	for _, n := range r.Nodes {
		name = max(name, len([]rune(n.Name)))
	}
	row := fmt.Sprintf("%%-%ds  %%-28s %%12s %%12s %%14s  %%s\n", name)
	fmt.Fprintf(&b, row, "node", "operator", "output", "parameters", "multiply-adds", "inputs")
	for _, n := range r.Nodes {
		parameters, macs := "", ""
		if n.Parameters > 0 {
			parameters = plural.Thousands(n.Parameters)
		}
		if n.MACs > 0 {
			macs = plural.Thousands(n.MACs)
		}
		shape := fmt.Sprintf("%d×%d×%d", n.Shape[0], n.Shape[1], n.Shape[2])
		fmt.Fprintf(&b, row, n.Name, settings(n.op), shape, parameters, macs, strings.Join(n.Inputs, ", "))
	}
	if r.Zero > 0 {
		fmt.Fprintf(&b, "\n%s of %s weights are zero, %.2f %%\n", plural.Thousands(r.Zero), plural.Thousands(r.Weights), 100*float64(r.Zero)/float64(r.Weights))
	}
	return b.String()
}

// settings describes an operator with what it is set to.
func settings(op model.Op) string {
	s := model.OpName(op)
	switch op := op.(type) {
	case model.Conv:
		s = fmt.Sprintf("%s %d×%d/%d%s", s, op.Kernel, op.Kernel, op.Stride, padding(op.Padding))
		if op.Groups > 1 {
			s += fmt.Sprintf(", %d groups", op.Groups)
		}
	case model.MaxPool:
		s = fmt.Sprintf("%s %d×%d/%d%s", s, op.Kernel, op.Kernel, op.Stride, padding(op.Padding))
	case model.AvgPool:
		s = fmt.Sprintf("%s %d×%d/%d%s", s, op.Kernel, op.Kernel, op.Stride, padding(op.Padding))
	case model.Clip:
		s = fmt.Sprintf("%s %v to %v", s, op.Min, op.Max)
	case model.LeakyReLU:
		s = fmt.Sprintf("%s %v", s, op.Slope)
	case model.Dropout:
		s = fmt.Sprintf("%s %v", s, op.P)
	}
	return s
}

// padding describes padding, as "+1", or "+0.1.0.1" where sides differ: top,
// left, bottom, right.
func padding(p model.Padding) string {
	if p == (model.Padding{}) {
		return ""
	}
	if p == model.Pad2D(p.Top) {
		return fmt.Sprintf("+%d", p.Top)
	}
	return fmt.Sprintf("+%d.%d.%d.%d", p.Top, p.Left, p.Bottom, p.Right)
}
