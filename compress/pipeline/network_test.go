package pipeline

import (
	"slices"
	"testing"

	"espalier/configs"
	"espalier/model"
	"espalier/model/weights"
)

// TestNetworksHaveTheConfigsNames holds the two lists of names together.
func TestNetworksHaveTheConfigsNames(t *testing.T) {
	if !slices.Equal(configs.Networks(), model.Networks()) || configs.CIFARResNet != model.CIFARResNet {
		t.Errorf("experiments name %v, the program builds %v", configs.Networks(), model.Networks())
	}
}

// TestOtherNetworksGoThrough trains, prunes and quantizes networks of other
// families, from random weights to int8.
func TestOtherNetworksGoThrough(t *testing.T) {
	numeric(t)
	for _, set := range [][]string{
		{"model.network=mobilenetv2", "model.width=0.25"},
		{"model.network=squeezenet", "model.width=0.25"},
	} {
		r := create(t, tiny(t, append(set, "model.weights=scratch", "model.depth=0", "gate.max_drop=0.9", "gate.min_top1=0")...))
		_, events := do(t, r, tinyParts())
		if rounds := of[RoundDone](events); len(of[Quantized](events)) != 1 || len(rounds) != 2 || !rounds[1].Passed {
			t.Errorf("%v: %d int8 networks after the rounds %+v", set, len(of[Quantized](events)), rounds)
		}
		g, _, err := weights.Load(r.Folder.Path(denseCheckpoint))
		if err != nil || g.Name != of[RunStarted](events)[0].Network {
			t.Errorf("%v: the checkpoint holds %v, error %v", set, g, err)
		}
	}
}
