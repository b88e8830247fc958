package configs

import (
	"strings"
	"testing"
)

func TestParseWidth(t *testing.T) {
	for text, want := range map[string][2]int{
		"W4A4": {4, 4}, "W8A6": {8, 6}, "W2A3": {2, 3}, "W5A4": {}, "W4A16": {}, "w4a4": {}, "W4": {}, "": {}, "W4A4x": {}, "W04A4": {},
	} {
		w, a, err := ParseWidth(text)
		if [2]int{w, a} != want || (err == nil) != (w > 0) {
			t.Errorf("%q is %d and %d bits (%v), want %v", text, w, a, err, want)
		}
	}
}

// TestQATRefuses names what cannot be.
func TestQATRefuses(t *testing.T) {
	for document, want := range map[string]string{
		"sweep: {sizes: []}\nqat: {widths: [W5A5]}":                          "qat.widths[0] is",
		"sweep: {sizes: []}\nqat: {widths: [W4A4, W4A4]}":                    "qat.widths[1] is W4A4 again",
		"sweep: {sizes: []}\nqat: {widths: [W4A4], freeze: 2}":               "qat.freeze",
		"sweep: {sizes: []}\nqat: {widths: [W4A4], train: {epochs: 0}}":      "qat.train.epochs is 0",
		"sweep: {sizes: []}\nqat: {widths: [W4A4], first_last: 5}":           "qat.first_last is 5",
		"sweep: {sizes: []}\nqat: {widths: [W4A4]}\nquantize: {recipe: x86}": "quantize.recipe is x86",
		"qat: {widths: [W4A4]}":                                              "sweep.sizes is set",
	} {
		_, err := Decode("e.yaml", []byte(document), nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", document, err, want)
		}
	}
	e, err := Decode("e.yaml", []byte("sweep: {sizes: []}\nqat: {widths: [W8A8, W4A4]}"), nil)
	if err != nil || len(e.QAT.Widths) != 2 || e.QAT.FirstLast != 8 || !e.QAT.Learned {
		t.Errorf("%+v, %v", e.QAT, err)
	}
}
