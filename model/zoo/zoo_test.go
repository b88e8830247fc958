package zoo

import (
	"slices"
	"strings"
	"testing"

	"espalier/dataset"
	"espalier/model"
	"espalier/model/kernel"
)

var resnet20 = model.Spec{Network: model.CIFARResNet, Depth: 20, Shortcut: model.Projection}

func TestEveryNetworkLoads(t *testing.T) {
	if want := []string{"cifar10-resnet20-projection", "shapes10-resnet20-projection"}; !slices.Equal(Names(), want) {
		t.Errorf("carries %v, want %v", Names(), want)
	}
	for _, set := range []string{"cifar10", "shapes10"} {
		n, err := Load(set, resnet20)
		if err != nil {
			t.Fatal(err)
		}
		if n.Name != resnet20.String() || n.Fused() || n.Std == nil {
			t.Errorf("%s: %v, fused %v, normalised by %v", set, n.Name, n.Fused(), n.Std)
		}
		if zero, _ := n.Sparsity(); zero != 0 {
			t.Errorf("%s: %d weights are zero in a dense network", set, zero)
		}
	}
}

func TestMissingNetworksAreNamed(t *testing.T) {
	_, err := Load("shapes10", model.Spec{Network: model.CIFARResNet, Depth: 56, Shortcut: model.Pad})
	if err == nil || !strings.Contains(err.Error(), "resnet56 pad") || !strings.Contains(err.Error(), "shapes10-resnet20-projection") {
		t.Errorf("error is %v", err)
	}
}

// TestShapesAreRecognised evaluates the network on the first test images. On
// all 4,000 it has 91.80 %.
func TestShapesAreRecognised(t *testing.T) {
	n, err := Load("shapes10", resnet20)
	if err != nil {
		t.Fatal(err)
	}
	d, err := dataset.Open(dataset.Options{Set: dataset.Shapes10, Seed: 1, TestOnly: true, TestLimit: 500})
	if err != nil {
		t.Fatal(err)
	}
	d.Mean, d.Std = n.Mean, n.Std
	e := model.NewEngine(kernel.All()[0], 0, model.Auto)
	defer e.Close()
	v := model.NewEvaluator(n, e, 100)
	var tally model.Tally
	logits := make([]float32, 1000)
	for x, labels := range d.NewLoader(d.Test, dataset.LoaderOptions{Batch: 100}).Epoch(0) {
		v.Logits(logits, x)
		tally.Add(logits, labels, v.Classes())
	}
	if tally.Top1() < 0.88 {
		t.Errorf("top-1 is %.2f %% on %d images", 100*tally.Top1(), tally.Total)
	}
}
