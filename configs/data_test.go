package configs

import (
	"strings"
	"testing"
)

func TestDataOfAnExperiment(t *testing.T) {
	for _, c := range []struct {
		document string
		want     Data
	}{
		{"data: {set: folder, path: p, size: 96, channels: 1}", Data{Set: Folder, Path: "p", Size: Size{96}, Channels: 1, ValidationShare: 0.1}},
		{"data: {set: folder, path: p, size: [64, 48], validation: 7}", Data{Set: Folder, Path: "p", Size: Size{64, 48}, Validation: 7}},
		{"data: {set: npz, path: p, validation_share: 0.3, memory: 2.5}", Data{Set: NPZ, Path: "p", ValidationShare: 0.3, Memory: 2.5}},
		{"data: {set: cifar100, labels: coarse, validation_share: 0.2}", Data{Set: CIFAR100, Labels: Coarse, ValidationShare: 0.2}},
		{"data: {set: mnist, flip: true}", Data{Set: MNIST, Validation: 5000, Flip: "true"}},
	} {
		c.want.Seed, c.want.Augment = 1, true
		e, err := Decode("e.yaml", []byte(c.document), nil)
		if err != nil {
			t.Errorf("%s: %v", c.document, err)
			continue
		}
		again, err := e.YAML()
		if err != nil {
			t.Fatal(err)
		}
		back, err := Decode("e.yaml", again, nil)
		if err != nil {
			t.Errorf("%s, written and read: %v", c.document, err)
		}
		for _, d := range []Data{e.Data, back.Data} {
			h, w := d.Size.Pixels()
			wh, ww := c.want.Size.Pixels()
			d.Size, c.want.Size = nil, nil
			if h != wh || w != ww || !equal(d, c.want) {
				t.Errorf("%s: %+v of %d×%d, want %+v of %d×%d", c.document, d, h, w, c.want, wh, ww)
			}
			c.want.Size = Size{wh, ww}
		}
	}
	if (Data{Set: MNIST}).Flips() || !(Data{Set: FashionMNIST}).Flips() || !(Data{Set: MNIST, Flip: "true"}).Flips() || (Data{Set: CIFAR10, Flip: "false"}).Flips() {
		t.Error("flips are off for mnist alone, unless the document says otherwise")
	}
}

func equal(a, b Data) bool {
	return a.Set == b.Set && a.Path == b.Path && a.Seed == b.Seed && a.Labels == b.Labels && a.Channels == b.Channels && a.Memory == b.Memory &&
		a.Validation == b.Validation && a.ValidationShare == b.ValidationShare && a.Augment == b.Augment && a.Flip == b.Flip
}

func TestDataThatCannotBe(t *testing.T) {
	for document, want := range map[string]string{
		"data: {set: imagenet}":                                               "want cifar10, cifar100, mnist, fashion-mnist, folder, npz, shapes10",
		"data: {set: folder}":                                                 "data.path is empty: name the folder",
		"data: {set: npz}":                                                    "data.path is empty: name the .npz file",
		"data: {set: cifar10, labels: fine}":                                  "data.labels is for data.set cifar100",
		"data: {set: cifar100, labels: rough}":                                "want fine, coarse",
		"data: {set: mnist, size: 32}":                                        "data.size is for data.set folder",
		"data: {set: folder, path: p, size: [1, 2, 3]}":                       "has 3 numbers",
		"data: {set: folder, path: p, size: 7}":                               "want 8 to 224 pixels",
		"data: {set: folder, path: p, size: 225}":                             "want 8 to 224 pixels",
		"data: {set: folder, path: p, size: big}":                             "want a whole number",
		"data: {set: folder, path: p, channels: 2}":                           "want 3, or 1 for grey",
		"data: {set: mnist, channels: 3}":                                     "data.channels is for data.set folder",
		"data: {set: folder, path: p, memory: -1}":                            "data.memory is -1",
		"data: {set: folder, path: p, validation_share: 1}":                   "less than 1",
		"data: {set: folder, path: p, validation_share: 0.1, validation: 10}": "give one of them",
		"data: {set: mnist, flip: maybe}":                                     "want true, false",
	} {
		if _, err := Decode("e.yaml", []byte(document), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", document, err, want)
		}
	}
}
