package dataset

import (
	"slices"
	"strings"
	"testing"
)

func TestParseMeanAndStd(t *testing.T) {
	for text, want := range map[string][]float32{
		"imagenet": {0.485, 0.456, 0.406}, "cifar10": {0.4914, 0.4822, 0.4465},
		"mnist": {0.1307}, "0.5": {0.5}, "0.1,0.2,0.3": {0.1, 0.2, 0.3}, "0 1 0.2": {0, 1, 0.2}, "0.5, 0.5, 0.5": {0.5, 0.5, 0.5},
	} {
		if got, err := ParseMean(text); err != nil || !slices.Equal(got, want) {
			t.Errorf("mean %q: %v, %v, want %v", text, got, err, want)
		}
	}
	if got, err := ParseStd("imagenet"); err != nil || !slices.Equal(got, []float32{0.229, 0.224, 0.225}) {
		t.Errorf("std imagenet: %v, %v", got, err)
	}
	for _, text := range []string{"", "cifar", "1,2", "1,2,3,4", "1,2,x", "NaN,1,1", "1,Inf,1"} {
		if _, err := ParseStd(text); err == nil || !strings.Contains(err.Error(), "cifar10, cifar100, fashion-mnist, imagenet, mnist") {
			t.Errorf("std %q: error %v", text, err)
		}
	}
	// Another scale is named.
	if _, err := ParseMean("123.675,116.28,103.53"); err == nil || !strings.Contains(err.Error(), "0.485,0.456,0.406") {
		t.Errorf("a mean on the 0 to 255 scale: error %v", err)
	}
	for _, text := range []string{"0,1,1", "1,-1,1", "58.395,57.12,57.375"} {
		if _, err := ParseStd(text); err == nil || !strings.Contains(err.Error(), "scale") {
			t.Errorf("std %q: error %v", text, err)
		}
	}
}
