package pipeline

import (
	"slices"
	"testing"

	"espalier/compress/quantize"
	"espalier/configs"
	"espalier/dataset"
	"espalier/model"
)

// TestNamesAgree holds the names that configs allows to those that their
// packages know; configs imports none of them.
func TestNamesAgree(t *testing.T) {
	if !slices.Equal(configs.Repairs(), quantize.Repairs()) {
		t.Errorf("configs has repairs %v, quantize has %v", configs.Repairs(), quantize.Repairs())
	}
	if have, want := slices.Sorted(slices.Values(configs.Observers())), slices.Sorted(slices.Values(quantize.Observers())); !slices.Equal(have, want) {
		t.Errorf("observers %v, want %v", have, want)
	}
	if have, want := slices.Sorted(slices.Values(configs.Recipes())), slices.Sorted(slices.Values(quantize.Recipes())); !slices.Equal(have, want) {
		t.Errorf("recipes %v, want %v", have, want)
	}
	if configs.CIFAR10 != dataset.CIFAR10 || configs.Shapes10 != dataset.Shapes10 {
		t.Error("data sets")
	}
	if configs.Test != string(dataset.Test) || configs.Validation != string(dataset.Validation) {
		t.Error("splits")
	}
	if string(model.Projection) != configs.Defaults().Model.Shortcut {
		t.Error("shortcuts")
	}
}
