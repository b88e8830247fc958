package model_test

import (
	"runtime"
	"testing"

	"espalier/model"
	"espalier/model/kernel"
)

// TestBytes compares what is said of memory with what the heap holds.
func TestBytes(t *testing.T) {
	e := model.NewEngine(kernel.All()[0], 2, model.Auto)
	defer e.Close()
	dense := testNetwork(t, model.Projection)
	pruned := testNetwork(t, model.Pad)
	prune(pruned, 0.9)
	for _, c := range []struct {
		name string
		plan func() interface{ Bytes() int64 }
	}{
		{"trainer", func() interface{ Bytes() int64 } {
			trainer, err := model.NewTrainer(dense, e, 32, model.SGD{Momentum: 0.9})
			if err != nil {
				t.Fatal(err)
			}
			return trainer
		}},
		{"evaluator", func() interface{ Bytes() int64 } { return model.NewEvaluator(dense, e, 32) }},
		{"sparse evaluator", func() interface{ Bytes() int64 } { return model.NewEvaluator(pruned, e, 32) }},
	} {
		before := heap()
		planned := c.plan()
		holds := heap() - before
		// Beside the numbers there are slices, closures, and the last bytes of
		// size classes.
		if said := planned.Bytes(); said > holds || holds > said+said/50+64<<10 {
			t.Errorf("%s: says %d bytes, the heap grew by %d", c.name, said, holds)
		}
		runtime.KeepAlive(planned)
	}
}

// heap returns the bytes of live objects.
func heap() int64 {
	runtime.GC()
	runtime.GC() // what finalizers kept
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
