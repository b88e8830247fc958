package prune_test

import (
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"espalier/compress/prune"
	"espalier/internal/shared"
	"espalier/model"
	"espalier/model/kernel"
	"espalier/model/onnx"
	"espalier/model/reference"
	"espalier/model/weights"
)

// families are small members of every built-in family.
var families = []model.Spec{
	{Network: model.CIFARResNet, Depth: 8, Shortcut: model.Projection},
	{Network: model.CIFARResNet, Depth: 8, Shortcut: model.Pad},
	{Network: model.ResNetBasic, Depth: 18, Width: 0.125},
	{Network: model.WideResNet, Depth: 10, Width: 1},
	{Network: model.VGG, Depth: 11, Width: 0.125},
	{Network: model.MobileNetV2, Width: 0.25},
	{Network: model.DenseNet, Depth: 10},
	{Network: model.SqueezeNet, Width: 0.25},
}

// eachNetwork calls do for one network of every built-in family, with random
// weights, and for those of ../shared/zoo where they are.
func eachNetwork(t *testing.T, do func(t *testing.T, g *model.Graph)) {
	for _, s := range families {
		s.Input, s.Classes = model.Shape{C: 3, H: 32, W: 32}, 10
		t.Run(s.String(), func(t *testing.T) {
			g, err := s.Build()
			if err != nil {
				t.Fatal(err)
			}
			fill(g, 7)
			do(t, g)
		})
	}
	for _, name := range []string{"vgg", "resnet_odd", "squeezenet"} {
		t.Run(name, func(t *testing.T) {
			file, err := onnx.Read(shared.File(t, "zoo/"+name+".onnx"))
			if err != nil {
				t.Fatal(err)
			}
			do(t, file.Float)
		})
	}
}

// silence makes removed channels zero, with everything that makes them, or
// deaf, so that nothing is made of them.
func silence(c *prune.Channels, keep prune.Kept, side prune.Side) {
	for i, g := range c.Groups {
		for _, m := range g.Members {
			if m.Side != side {
				continue
			}
			n := m.Node
			for ch, stays := range keep[i] {
				if stays {
					continue
				}
				for w := range m.Weights(ch) {
					n.Weight[w] = 0
				}
				for _, at := range m.Index[ch] {
					if n.Bias != nil && side == prune.Out {
						n.Bias[at] = 0
					}
				}
			}
		}
	}
}

// TestSlicingIsExact removes channels that are zero, and channels of which
// nothing is made: the logits stay, in float64 to the last digits.
func TestSlicingIsExact(t *testing.T) {
	eachNetwork(t, func(t *testing.T, g *model.Graph) {
		for _, side := range []prune.Side{prune.Out, prune.In} {
			c := prune.GroupChannels(g.Clone())
			keep := some(c, rand.New(rand.NewPCG(11, 12)))
			silence(c, keep, side)
			s, err := c.Slice(keep)
			if err != nil {
				t.Fatal(err)
			}
			if s.MACs() >= c.Graph.MACs() {
				t.Errorf("%d multiply-adds of %d are left", s.MACs(), c.Graph.MACs())
			}
			holdSize(t, c, keep, s)
			x, _ := images(g, 2, 3)
			want, have := reference.From(c.Graph).Logits(2, wide(x)), reference.From(s).Logits(2, wide(x))
			for i, w := range want {
				if !(math.Abs(have[i]-w) <= 1e-9*(1+math.Abs(w))) {
					t.Fatalf("side %s: logit %d is %v, before %v", side, i, have[i], w)
				}
			}
			e := model.NewEngine(kernel.All()[0], 2, model.Auto)
			defer e.Close()
			logits := make([]float32, 2*g.Classes())
			model.NewEvaluator(s, e, 2).Logits(logits, x)
			near(t, "compiled", logits, want, 1e-4)
		}
	})
}

// TestSlicedNetworksAreReadBack writes and reads checkpoints.
func TestSlicedNetworksAreReadBack(t *testing.T) {
	eachNetwork(t, func(t *testing.T, g *model.Graph) {
		c := prune.GroupChannels(g)
		s, err := c.Slice(some(c, rand.New(rand.NewPCG(5, 6))))
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "sliced.safetensors")
		if err := weights.Save(path, s, nil); err != nil {
			t.Fatal(err)
		}
		back, _, err := weights.Load(path)
		if err != nil {
			t.Fatal(err)
		}
		if !back.SameStructure(s) || weights.Hash(weights.FromNetwork(back)) != weights.Hash(weights.FromNetwork(s)) {
			t.Error("the file holds another network")
		}
	})
}

func TestSliceRefuses(t *testing.T) {
	g, err := model.ResNet(model.Arch{Depth: 8, Shortcut: model.Projection, Classes: 10})
	if err != nil {
		t.Fatal(err)
	}
	c := prune.GroupChannels(g)
	none := c.All()
	clear(none[1])
	short := c.All()
	short[0] = short[0][1:]
	for want, keep := range map[string]prune.Kept{
		"group layer1.0.conv1 would lose all of its 16 channels": none,
		"choices for 15 channels of group conv1":                 short,
		"choices for 1 groups":                                   c.All()[:1],
	} {
		if _, err := c.Slice(keep); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}
