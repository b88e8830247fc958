package quantize

import (
	"fmt"
	"testing"

	"espalier/model"
	"espalier/model/kernel"
)

// BenchmarkLogits runs ResNet-20 in integers.
func BenchmarkLogits(b *testing.B) {
	n, err := model.ResNet(model.Arch{Depth: 20, Shortcut: model.Projection, Classes: 10})
	if err != nil {
		b.Fatal(err)
	}
	_, x := randomNetwork(b, model.Projection, 128)
	q := mustBuild(b, n, calibrated(b, n, x[:pixels], MinMax), lab)
	for _, set := range kernel.All() {
		for _, images := range []int{1, 128} {
			for _, threads := range []int{1, 2} {
				if set.Name == "go" && images > 1 {
					continue // seconds
				}
				b.Run(fmt.Sprintf("images=%d/threads=%d/%s", images, threads, set.Name), func(b *testing.B) {
					e := model.NewEngine(set, threads, model.Auto)
					defer e.Close()
					v, logits := NewEvaluator(q, e), make([]float32, images*10)
					for b.Loop() {
						v.Logits(logits, x[:images*pixels])
					}
					b.ReportMetric(float64(images*b.N)/b.Elapsed().Seconds(), "images/s")
				})
			}
		}
	}
}

// BenchmarkObservers calibrates on 128 images, the float network included.
func BenchmarkObservers(b *testing.B) {
	n, err := model.ResNet(model.Arch{Depth: 20, Shortcut: model.Projection, Classes: 10})
	if err != nil {
		b.Fatal(err)
	}
	_, x := randomNetwork(b, model.Projection, 128)
	e := testEngine(b, "")
	v := model.NewEvaluator(n, e, CalibrationBatch)
	for _, observer := range Observers() {
		b.Run(observer, func(b *testing.B) {
			for b.Loop() {
				err := Calibrate(v, e, lab.Observers(n), []string{observer}, imagesOf(x), []int{128}, func(*Calibration) error { return nil })
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(128*b.N)/b.Elapsed().Seconds(), "images/s")
		})
	}
}

func BenchmarkRanges(b *testing.B) {
	x := heavyTailed(1, 100000, "relu")
	for _, name := range Observers() {
		b.Run(name, func(b *testing.B) {
			o, err := NewObserver(name)
			if err != nil {
				b.Fatal(err)
			}
			observeIn(o, x, 32768)
			for b.Loop() {
				o.Range()
			}
		})
	}
}
