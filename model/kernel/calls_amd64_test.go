package kernel

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// BenchmarkCall lists how long single calls of assembly take, by kernel and
// shape: while one runs, nothing else can have its processor. None may take
// longer than 100 µs.
//
//	go test ./model/kernel -run '^$' -bench Call -benchtime 20ms
//
// Where an operation makes several equal calls, its time is divided by their
// number, Go around them included.
func BenchmarkCall(b *testing.B) {
	for _, s := range setsUnderTest(b) {
		if s.Name == "go" {
			continue // can be interrupted anywhere
		}
		call := func(name string, shape fmt.Stringer, calls int, run func()) {
			b.Run(fmt.Sprintf("%s/%v/%s", name, shape, s.Name), func(b *testing.B) {
				for b.Loop() {
					run()
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/1e3/float64(b.N)/float64(calls), "µs/call")
			})
		}
		for _, c := range resnetConvs {
			benchmarkDirectCalls(s, c, call)
		}
		for _, m := range elementwiseMaps[:3] {
			for _, op := range mapOps {
				x, v := [][]float32{Floats(m.Len()), Floats(m.Len()), Floats(m.Len())}, [][]float32{Floats(m.C), Floats(m.C), Floats(m.C)}
				sums := Floats(2 * m.C)
				call(op.name, m, 1, func() { op.run(s, m, x, v, sums) })
			}
			a, q := make([]uint8, m.Len()), &IntegerAdd{Affine{1, 0}, Affine{1, 0}, Affine{1, 0}}
			call("integer add", m, m.C/Lanes, func() { s.AddInteger(a, a, a, m, q) })
			x, y := Floats(m.Len()), Floats(m.Planes().Len())
			call("planes from map", m, m.C/8, func() { s.MapToPlanes(m, y, x) })
			call("extent", m, 1, func() { s.Extent(x) })
		}
		const piece = 4096 // of a parameter, as package model cuts them
		w := [4][]float32{Floats(piece), Floats(piece), Floats(piece), Floats(piece)}
		call("SGD", Map{1, 1, piece}, 1, func() { s.SGD(w[0], w[1], w[2], w[3], 0, 0, 0, false) })
		image, x := make([]uint8, 34*34*4), Floats(3*32*32)
		call("quantize image", Map{3, 32, 32}, 1, func() { s.QuantizeImage(image, x, 32, 32, Affine{1, 0}) })
		call("peak", Map{1, 1, peakRounds}, 1, func() { s.peak.float(peakRounds) })
		for _, c := range winogradShapes[:3] {
			benchmarkWinogradCalls(b, s, c)
		}
	}
}

func benchmarkDirectCalls(s *Set, c Conv, call func(name string, shape fmt.Stringer, calls int, run func())) {
	d := directAsm{lanes: 16}
	if s.Name == "avx2" {
		d.lanes = 8
	}
	src := c.source()
	x, y, w := Floats(src.len()), Floats(c.Out.Len()), Floats(c.PackedLen())
	call("forward", c, c.Out.C/d.lanes, func() { s.ConvForward(c, y, x, w, Epilogue{}) })
	rows := max(1, cached/(c.Stride*src.row+c.Out.Row()))
	groups := (c.Out.H + rows - 1) / rows
	call("weight gradient", c, c.Out.C/d.lanes*src.blocks*groups*c.Kernel, func() { s.ConvWeightGrad(c, w, x, y) })
	if !c.ofImage() {
		calls := c.In.C / d.lanes
		if c.Stride == 2 {
			calls *= (c.Out.C + 2*Lanes - 1) / (2 * Lanes)
		}
		call("data gradient", c, calls, func() { s.ConvDataGrad(c, x, y, w, false) })
	}

	settings, weight := randomConv(newRand(1), c)
	integer, bytes, out := s.NewIntegerConv(settings, weight, 0), make([]uint8, c.inputBytes()), make([]uint8, c.Out.Len())
	call("integer", c, c.Out.C/Lanes, func() { s.ConvInteger(out, bytes, integer, Share{}) })
	if c.Kernel == 3 && c.In == c.Out {
		other, q := make([]uint8, len(out)), &IntegerAdd{Affine{1, settings.Zero}, Affine{1, 0}, Affine{1, 0}}
		call("integer and add", c, c.Out.C/Lanes, func() { s.ConvAddInteger(out, bytes, other, integer, q, Share{}) })
	}

	// Dense layers are not computed as sparse ones; these are the longest calls
	// that there could be.
	p := NewSparse(c, prune(newRand(1), c, 0.4))
	sx, sy := Floats(p.Input().Len()), Floats(p.Output().Len())
	strip := map[string]map[int]int{"avx512": {32: 8, 16: 8, 8: 8}, "avx2": {32: 2, 16: 4, 8: 8}}[s.Name][c.Out.W]
	call("sparse, 40 % left", c, c.Out.H/strip, func() { s.SparseForward(p, sy, sx, 1, Epilogue{}) })
}

// benchmarkWinogradCalls measures every call that Winograd's steps make.
func benchmarkWinogradCalls(b *testing.B, s *Set, c Conv) {
	p := NewWinograd(c, LargeChunk)
	n := p.Group()
	x, y := Floats(n*c.In.Len()), Floats(n*c.Out.Len())
	w, u, scratch := Floats(9*c.In.C*c.In.C), Floats(p.WeightsLen()), Floats(p.ScratchLen())
	var times []time.Duration
	clock := func(run func()) {
		began := time.Now()
		run()
		times = append(times, time.Since(began))
	}
	for _, step := range []string{"input", "multiply", "output", "gradient", "accumulate"} {
		timed := *s
		f := &timed.winograd
		switch old := s.winograd; step {
		case "input":
			f.input = func(a winogradTiles) { clock(func() { old.input(a) }) }
		case "output":
			f.output = func(a winogradTiles) { clock(func() { old.output(a) }) }
		case "gradient":
			f.gradient = func(a winogradTiles) { clock(func() { old.gradient(a) }) }
		case "multiply":
			f.multiply = func(a winogradProduct) { clock(func() { old.multiply(a) }) }
		case "accumulate":
			f.accumulate = func(a winogradProduct) { clock(func() { old.accumulate(a) }) }
		}
		b.Run(fmt.Sprintf("Winograd %s/%v/%s", step, c.In, s.Name), func(b *testing.B) {
			times = times[:0]
			for b.Loop() {
				timed.WinogradForward(p, y, x, n, u, Epilogue{Residual: y, Sums: Floats(2 * c.Out.C)}, scratch, x)
				timed.WinogradWeightGrad(p, u, x, y, n, scratch, x)
			}
			slices.Sort(times)
			// Calls of a step differ in size; among the last tenth are those that
			// something else interrupted.
			b.ReportMetric(float64(times[len(times)*9/10].Nanoseconds())/1e3, "µs/call")
		})
	}
	for name, run := range map[string]func(){
		"transform": func() { s.WinogradWeights(p, u, w, true) },
		"taps":      func() { s.WinogradWeightGradDone(p, w, u) },
	} {
		lanes := map[string]int{"avx512": 16, "avx2": 8}[s.Name]
		b.Run(fmt.Sprintf("Winograd %s/%v/%s", name, c.In, s.Name), func(b *testing.B) {
			for b.Loop() {
				run()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/1e3/float64(b.N*c.In.C*c.In.C/lanes/lanes), "µs/call")
		})
	}
}
