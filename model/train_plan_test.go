package model_test

import (
	"fmt"
	"strings"
	"testing"

	"espalier/model"
	"espalier/model/kernel"
)

// TestPlanIsWhatRuns looks for a few things in the printed plan: the regions that
// batch norm makes, who shares one, and what is computed again.
func TestPlanIsWhatRuns(t *testing.T) {
	g, err := model.ResNet(model.Arch{Depth: 8, Shortcut: model.Projection, Classes: 10})
	if err != nil {
		t.Fatal(err)
	}
	e := model.NewEngine(kernel.All()[0], 2, model.Auto)
	defer e.Close()
	trainer, err := model.NewTrainer(g, e, 32, model.SGD{})
	if err != nil {
		t.Fatal(err)
	}
	plan := trainer.Plan()
	for _, want := range []string{
		"a training step on 32 images of resnet8 projection: 15 regions\n",
		fmt.Sprintf("memory: %.2f MB in all", float64(trainer.Bytes())/1e6),
		"region 2, 1 image at a time\n  value of layer1.0.conv1\n  winograd 3×3/1 16×32×32→16×32×32 layer1.0.conv2\n  then the statistics of layer1.0.bn2\n",
		"  direct 3×3/2 16×32×32→32×16×16 layer2.0.conv1\n  direct 1×1/2 16×32×32→32×16×16 layer2.0.downsample.0\n  then the statistics of layer2.0.bn1\n  then the statistics of layer2.0.downsample.1\n",
		"  loss\n",
		"  then the gradients of layer3.0.bn2\n  then the gradients of layer3.0.downsample.1\n",
		"value of layer1.0.conv1                  16×32×32     worker",
		"value of layer1.0                        16×32×32     batch ",
	} {
		if !strings.Contains(plan, want) {
			t.Errorf("the plan lacks %q:\n%s", want, plan)
			break
		}
	}
}

// TestNewTrainerSaysWhatCannotBe.
func TestNewTrainerSaysWhatCannotBe(t *testing.T) {
	e := model.NewEngine(kernel.All()[0], 1, model.Auto)
	defer e.Close()
	describe := func(op model.Op) *model.Graph {
		b := model.NewBuilder("test", model.Shape{C: 3, H: 20, W: 20})
		b.Add("f", model.Flatten{}, b.Add("op", op, b.Add("c", conv(4, 3, 1), b.Input())))
		g, err := b.Graph()
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	broken := describe(model.ReLU{})
	broken.Nodes[1].Weight = nil
	for _, c := range []struct {
		g     *model.Graph
		batch int
		want  string
	}{
		{describe(model.ReLU{}), 0, "batch size 0"},
		{describe(model.MaxPool{Kernel: 20, Stride: 1}), 1, "node op: a max pool of 20 pixels"},
		{describe(model.LeakyReLU{Slope: -1}), 1, "node op: a leaky ReLU with a slope of -1"},
		{broken, 1, "node c (conv): weight has 0 values"},
	} {
		if _, err := model.NewTrainer(c.g, e, c.batch, model.SGD{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("have %v, want %q", err, c.want)
		}
	}
}
