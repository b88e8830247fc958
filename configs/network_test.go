package configs

import (
	"strings"
	"testing"
)

// TestNetworkOfAnExperiment: what is not named follows from what is.
func TestNetworkOfAnExperiment(t *testing.T) {
	for _, c := range []struct {
		document string
		want     Model
		epochs   float64 // of the dense network
	}{
		{"model: {}", Model{Depth: 20, Shortcut: "projection", Weights: Embedded}, 0},
		{"model: {network: cifar-resnet}", Model{Network: CIFARResNet, Depth: 20, Shortcut: "projection", Weights: Embedded}, 0},
		{"model: {network: mobilenetv2, width: 0.5}", Model{Network: "mobilenetv2", Width: 0.5, Shortcut: "projection", Weights: Scratch}, 30},
		{"model: {network: vgg, depth: 11}", Model{Network: "vgg", Depth: 11, Shortcut: "projection", Weights: Scratch}, 30},
		{"model: {network: resnet, weights: mine.pth}\ndense: {epochs: 3}", Model{Network: "resnet", Shortcut: "projection", Weights: "mine.pth"}, 3},
		{"data: {set: mnist}", Model{Depth: 20, Shortcut: "projection", Weights: Scratch}, 30},
		{"data: {set: mnist}\ndense: {epochs: 5}", Model{Depth: 20, Shortcut: "projection", Weights: Scratch}, 5},
	} {
		e, err := Decode("x.yaml", []byte(c.document), nil)
		if err != nil {
			t.Errorf("%s: %v", c.document, err)
		} else if e.Model != c.want || e.Dense.Epochs[0] != c.epochs {
			t.Errorf("%s: %+v and %v epochs, want %+v and %v", c.document, e.Model, e.Dense.Epochs[0], c.want, c.epochs)
		}
	}
	for document, want := range map[string]string{
		"model: {network: alexnet}":          "model.network",
		"model: {width: -1}":                 "model.width",
		"model: {width: 65}":                 "model.width",
		"model: {depth: 21}":                 "model.depth",
		"model: {depth: 23}":                 "model.depth",
		"model: {network: vgg, weights: ''}": "model.weights",
	} {
		if _, err := Decode("x.yaml", []byte(document), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one about %s", document, err, want)
		}
	}
}
