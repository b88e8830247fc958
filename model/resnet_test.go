package model_test

import (
	"testing"

	"espalier/model"
)

func TestResNetsHaveThePublishedSizes(t *testing.T) {
	for _, c := range []struct {
		arch    model.Arch
		weights int
		macs    int64
	}{
		{model.Arch{Depth: 20, Shortcut: model.Projection, Classes: 10}, 270896, 40813184},
		{model.Arch{Depth: 20, Shortcut: model.Pad, Classes: 10}, 268336, 40551040},
		{model.Arch{Depth: 32, Shortcut: model.Pad, Classes: 10}, 461872, 68862592},
		{model.Arch{Depth: 56, Shortcut: model.Pad, Classes: 10}, 848944, 125485696},
		// The stem and the classifier grow with the width, all others with its square.
		{model.Arch{Depth: 20, Shortcut: model.Projection, Classes: 10, Width: 32}, 2*432 + 2*640 + 4*269824, 2*442368 + 2*640 + 4*(40813184-442368-640)},
	} {
		n := newNetwork(t, c.arch)
		if n.Weights() != c.weights || n.MACs() != c.macs {
			t.Errorf("%s: %d weights and %d MACs, want %d and %d", c.arch, n.Weights(), n.MACs(), c.weights, c.macs)
		}
	}
}

func TestImpossibleResNetsAreRefused(t *testing.T) {
	for _, a := range []model.Arch{
		{Depth: 21, Shortcut: model.Pad, Classes: 10},
		{Depth: 2, Shortcut: model.Pad, Classes: 10},
		{Depth: 20, Shortcut: "dense", Classes: 10},
		{Depth: 20, Shortcut: model.Pad, Classes: 1},
		{Depth: 20, Shortcut: model.Pad, Classes: 10, Width: -16},
		{Depth: 20, Shortcut: model.Pad, Classes: 10, Width: 272},
	} {
		if _, err := model.ResNet(a); err == nil {
			t.Errorf("%+v: no error", a)
		}
	}
}

func TestWidth(t *testing.T) {
	published := newNetwork(t, model.Arch{Depth: 8, Shortcut: model.Pad, Classes: 10})
	same := newNetwork(t, model.Arch{Depth: 8, Shortcut: model.Pad, Classes: 10, Width: 16})
	if !same.SameStructure(published) || same.Name != "resnet8 pad" {
		t.Errorf("width 16 is %+v, the published width %+v", same.Name, published.Name)
	}
	wide := newNetwork(t, model.Arch{Depth: 8, Shortcut: model.Pad, Classes: 10, Width: 48})
	if wide.Name != "resnet8 pad width 48" || wide.Node("conv1").Out() != 48 || wide.Output().In() != 192 {
		t.Errorf("%s has %d channels first and %d last", wide.Name, wide.Node("conv1").Out(), wide.Output().In())
	}
}

func newNetwork(t testing.TB, a model.Arch) *model.Graph {
	t.Helper()
	n, err := model.ResNet(a)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
