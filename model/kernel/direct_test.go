package kernel

import (
	"fmt"
	"math"
	"testing"
)

// convShape returns a convolution from c channels of an h × w input to k.
func convShape(k, c, h, w, kernel, stride int) Conv {
	return Conv{
		In:     Map{C: c, H: h, W: w},
		Out:    Map{C: k, H: (h-1)/stride + 1, W: (w-1)/stride + 1},
		Kernel: kernel, Stride: stride,
	}
}

// resnetConvs are the geometries of CIFAR ResNets.
var resnetConvs = []Conv{
	convShape(16, 3, 32, 32, 3, 1),
	convShape(16, 16, 32, 32, 3, 1),
	convShape(32, 16, 32, 32, 3, 2),
	convShape(32, 16, 32, 32, 1, 2),
	convShape(32, 32, 16, 16, 3, 1),
	convShape(64, 32, 16, 16, 3, 2),
	convShape(64, 32, 16, 16, 1, 2),
	convShape(64, 64, 8, 8, 3, 1),
}

// testConvs adds geometries on both sides of the assembly's tiles.
func testConvs() []Conv {
	convs := resnetConvs
	for _, kernel := range []int{1, 3} {
		for _, stride := range []int{1, 2} {
			for _, size := range [][2]int{{1, 1}, {1, 8}, {2, 1}, {3, 2}, {2, 4}, {5, 7}, {4, 16}, {8, 9}, {7, 16}, {16, 15}, {17, 24}} {
				convs = append(convs, convShape(32, 48, size[0], size[1], kernel, stride))
			}
			convs = append(convs, convShape(48, 16, 4, 48, kernel, stride), convShape(16, 3, 6, 16, kernel, stride), convShape(32, 3, 5, 3, kernel, stride))
		}
	}
	return convs
}

// operand returns one random operand in its plain layout.
func operand(seed uint64, n int) []float32 {
	return fillNormal(newRand(seed), make([]float32, n))
}

// values returns the number of m's values, its border left out.
func (m Map) values() int { return m.C * m.H * m.W }

// packedMap returns plain [C][H][W] laid out as m, with the given border.
func packedMap(t testing.TB, m Map, plain []float32, border float32, offset int) []float32 {
	b := guardedFloats(t, m.Len(), offset)
	for i := range b {
		b[i] = border
	}
	m.Pack(b, plain)
	return b
}

// packedInput returns plain [C][H][W] laid out as c's input.
func packedInput(t testing.TB, c Conv, plain []float32, offset int) []float32 {
	if !c.ofImage() {
		return packedMap(t, c.In, plain, 0, offset)
	}
	b := guardedFloats(t, (c.In.H+2)*(c.In.W+2)*4, offset)
	for i, v := range plain {
		ch, y, x := i/(c.In.H*c.In.W), i/c.In.W%c.In.H, i%c.In.W
		b[((y+1)*(c.In.W+2)+x+1)*4+ch] = v
	}
	return b
}

// unpacked returns m's pixels as [C][H][W] and fails the test if the border is
// not as given.
func unpacked(t testing.TB, m Map, b []float32, border float32) []float32 {
	t.Helper()
	plain := make([]float32, m.values())
	m.Unpack(plain, b)
	rest := append([]float32(nil), b...)
	cover := make([]float32, m.values())
	for i := range cover {
		cover[i] = border
	}
	m.Pack(rest, cover)
	for i, v := range rest {
		if v != border {
			t.Fatalf("border float %d of %v = %v, want %v", i, m, v, border)
		}
	}
	return plain
}

// packedWeights returns guarded packed weights.
func packedWeights(t testing.TB, c Conv, pack func(c Conv, dst, oihw []float32), plain []float32) []float32 {
	b := guardedFloats(t, c.PackedLen(), c.In.W%Lanes)
	pack(c, b, plain)
	return b
}

// untouched is the border of outputs in tests: no kernel may write there.
const untouched = 7

func TestConvForward(t *testing.T) {
	eachShape(t, testConvs(), func(t *testing.T, c Conv) {
		x, w := operand(1, c.In.values()), operand(2, c.PackedLen())
		bias, residual, sums0 := operand(3, c.Out.C), operand(4, c.Out.values()), operand(5, 2*c.Out.C)
		cases := []struct {
			name                      string
			bias, residual, relu, sum bool
			alias                     bool
		}{
			{name: "plain"},
			{name: "sums", sum: true},
			{name: "fused", bias: true, residual: true, relu: true},
			{name: "accumulate", residual: true, alias: true},
			{name: "everything", bias: true, residual: true, relu: true, sum: true, alias: true},
		}
		for i, test := range cases {
			given := func(ok bool, b []float32) []float32 {
				if ok {
					return b
				}
				return nil
			}
			want := exactForward(c, x, w, given(test.bias, bias), given(test.residual, residual), test.relu)
			eachSet(t, func(t *testing.T, s *Set) {
				e := Epilogue{ReLU: test.relu}
				y := packedMap(t, c.Out, residual, untouched, i)
				if test.bias {
					e.Bias = append(guardedFloats(t, c.Out.C, i)[:0], bias...)
				}
				if test.residual {
					e.Residual = y
					if !test.alias {
						e.Residual = packedMap(t, c.Out, residual, 0, i)
					}
				}
				if test.sum {
					e.Sums = append(guardedFloats(t, 2*c.Out.C, i)[:0], sums0...)
				}
				s.ConvForward(c, y, packedInput(t, c, x, i), packedWeights(t, c, s.PackWeights, w), e)
				got := unpacked(t, c.Out, y, untouched)
				within(t, test.name+" y", got, want, 1)
				if test.sum {
					within(t, test.name+" sums", e.Sums, exactSums(c.Out, sums0, got), 1)
				}
			})
		}
	})
}

func TestConvDataGrad(t *testing.T) {
	eachShape(t, testConvs(), func(t *testing.T, c Conv) {
		if c.ofImage() {
			t.Skip("no gradient of the image")
		}
		dx0, dy, w := operand(1, c.In.values()), operand(2, c.Out.values()), operand(3, c.PackedLen())
		for _, add := range []bool{false, true} {
			from := dx0
			if !add {
				from = nil
			}
			want := exactDataGrad(c, from, dy, w)
			eachSet(t, func(t *testing.T, s *Set) {
				dx := packedMap(t, c.In, dx0, untouched, 3)
				s.ConvDataGrad(c, dx, packedMap(t, c.Out, dy, 0, 5), packedWeights(t, c, s.PackWeightsTransposed, w), add)
				within(t, fmt.Sprintf("add %v: dx", add), unpacked(t, c.In, dx, untouched), want, 1)
			})
		}
	})
}

func TestConvWeightGrad(t *testing.T) {
	eachShape(t, testConvs(), func(t *testing.T, c Conv) {
		dw0, x, dy := operand(1, c.PackedLen()), operand(2, c.In.values()), operand(3, c.Out.values())
		want := exactWeightGrad(c, dw0, x, dy)
		eachSet(t, func(t *testing.T, s *Set) {
			dw := packedWeights(t, c, s.PackWeights, dw0)
			s.ConvWeightGrad(c, dw, packedInput(t, c, x, 3), packedMap(t, c.Out, dy, 0, 5))
			got := make([]float32, c.PackedLen())
			s.UnpackWeightGrad(c, got, dw)
			within(t, "dw", got, want, 1)
		})
	})
}

// TestConvNonFinite puts one NaN or Inf into each operand: it must come out
// wherever it is a factor, and nowhere that it is not.
func TestConvNonFinite(t *testing.T) {
	for _, c := range []Conv{
		convShape(16, 3, 8, 16, 3, 1), convShape(32, 16, 8, 16, 3, 1), convShape(32, 16, 16, 32, 3, 2),
		convShape(32, 16, 16, 32, 1, 2), convShape(16, 32, 8, 8, 1, 1), convShape(16, 16, 3, 5, 3, 1),
	} {
		for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))} {
			t.Run(fmt.Sprintf("%v in %v", bad, c), func(t *testing.T) {
				x, w, dy := operand(1, c.In.values()), operand(2, c.PackedLen()), operand(3, c.Out.values())
				with := func(b []float32) []float32 {
					b = append([]float32(nil), b...)
					b[len(b)/3] = bad
					return b
				}
				eachSet(t, func(t *testing.T, s *Set) {
					forward := func(what string, x, w, bias []float32) {
						y := packedMap(t, c.Out, dy, untouched, 0)
						s.ConvForward(c, y, packedInput(t, c, x, 0), packedWeights(t, c, s.PackWeights, w), Epilogue{Bias: bias, ReLU: true})
						within(t, what, unpacked(t, c.Out, y, untouched), exactForward(c, x, w, bias, nil, true), 1)
					}
					forward("y of x", with(x), w, nil)
					forward("y of w", x, with(w), nil)
					forward("y of bias", x, w, with(operand(4, c.Out.C)))

					weightGrad := func(what string, x, dy []float32) {
						dw, zero := guardedFloats(t, c.PackedLen(), 0), make([]float32, c.PackedLen())
						s.ConvWeightGrad(c, dw, packedInput(t, c, x, 0), packedMap(t, c.Out, dy, 0, 0))
						got := make([]float32, c.PackedLen())
						s.UnpackWeightGrad(c, got, dw)
						within(t, what, got, exactWeightGrad(c, zero, x, dy), 1)
					}
					weightGrad("dw of x", with(x), dy)
					weightGrad("dw of dy", x, with(dy))

					if c.ofImage() {
						return
					}
					dx := packedMap(t, c.In, x, untouched, 0)
					s.ConvDataGrad(c, dx, packedMap(t, c.Out, with(dy), 0, 0), packedWeights(t, c, s.PackWeightsTransposed, w), false)
					within(t, "dx of dy", unpacked(t, c.In, dx, untouched), exactDataGrad(c, nil, with(dy), w), 1)
				})
			})
		}
	}
}

// TestConvByHand is a convolution whose results are plain to see: 4 pixels in a
// row, weights 1, 2 and 3 in the middle row of the taps.
func TestConvByHand(t *testing.T) {
	c := convShape(16, 16, 1, 4, 3, 1)
	x, w := make([]float32, c.In.values()), make([]float32, c.PackedLen())
	copy(x[5*4:], []float32{1, 10, 100, 1000}) // channel 5
	copy(w[(2*16+5)*9+3:], []float32{1, 2, 3}) // from channel 5 to 2
	want := []float32{2 + 30, 1 + 20 + 300, 10 + 200 + 3000, 100 + 2000}
	eachSet(t, func(t *testing.T, s *Set) {
		y := guardedFloats(t, c.Out.Len(), 0)
		s.ConvForward(c, y, packedInput(t, c, x, 0), packedWeights(t, c, s.PackWeights, w), Epilogue{})
		for i, v := range unpacked(t, c.Out, y, 0) {
			if i/4 == 2 && v != want[i%4] || i/4 != 2 && v != 0 {
				t.Errorf("channel %d, pixel %d: %v, want %v in channel 2 only", i/4, i%4, v, want)
			}
		}
	})
}

func TestPackWeightsRoundTrip(t *testing.T) {
	eachShape(t, testConvs(), func(t *testing.T, c Conv) {
		s := goSet()
		w := operand(1, c.PackedLen())
		packed := packedWeights(t, c, s.PackWeights, w)
		got := guardedFloats(t, len(w), 0)
		s.UnpackWeightGrad(c, got, packed)
		for i := range w {
			if got[i] != w[i] {
				t.Fatalf("weight %d: %v, want %v", i, got[i], w[i])
			}
		}
	})
}

func TestConvDoesNotAllocate(t *testing.T) {
	eachShape(t, resnetConvs, func(t *testing.T, c Conv) {
		eachSet(t, func(t *testing.T, s *Set) {
			y, x, w := Floats(c.Out.Len()), Floats(c.source().len()), Floats(c.PackedLen())
			e := Epilogue{Bias: Floats(c.Out.C), Residual: y, ReLU: true, Sums: Floats(2 * c.Out.C)}
			if n := testing.AllocsPerRun(3, func() {
				s.ConvForward(c, y, x, w, e)
				s.ConvWeightGrad(c, w, x, y)
				if !c.ofImage() {
					s.ConvDataGrad(c, x, y, w, true)
				}
			}); n != 0 {
				t.Errorf("%v allocations", n)
			}
		})
	})
}

func TestConvPanicsOnShortSlices(t *testing.T) {
	c := convShape(16, 16, 8, 8, 3, 1)
	full := func() [4][]float32 {
		return [4][]float32{Floats(c.Out.Len()), Floats(c.In.Len()), Floats(c.PackedLen()), Floats(c.Out.C)}
	}
	s := All()[0]
	for i := range full() {
		b := full()
		b[i] = b[i][:len(b[i])-1]
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("operand %d too short: no panic", i)
				}
			}()
			s.ConvForward(c, b[0], b[1], b[2], Epilogue{Bias: b[3]})
		}()
	}
}

func BenchmarkConv(b *testing.B) {
	for _, s := range setsUnderTest(b) {
		for _, c := range resnetConvs {
			x, y := Floats(c.source().len()), Floats(c.Out.Len())
			w := fillNormal(newRand(1), Floats(c.PackedLen()))
			fillNormal(newRand(2), x)
			sums := Floats(2 * c.Out.C)
			macs := c.PackedLen() * c.Out.H * c.Out.W
			run := func(name string, f func()) {
				b.Run(fmt.Sprintf("%s/%v/%s", name, c, s.Name), func(b *testing.B) {
					for b.Loop() {
						f()
					}
					gigaflops(b, macs)
				})
			}
			run("forward", func() { s.ConvForward(c, y, x, w, Epilogue{Sums: sums}) })
			dw := Floats(c.PackedLen())
			run("weightgrad", func() { s.ConvWeightGrad(c, dw, x, y) })
			if !c.ofImage() {
				dx := Floats(c.In.Len())
				run("datagrad", func() { s.ConvDataGrad(c, dx, y, w, false) })
			}
		}
	}
}

func BenchmarkPackWeights(b *testing.B) {
	s := goSet()
	for _, c := range []Conv{resnetConvs[1], resnetConvs[7]} {
		w, packed := Floats(c.PackedLen()), Floats(c.PackedLen())
		run := func(name string, pack func(c Conv, dst, src []float32)) {
			b.Run(fmt.Sprintf("%s/%v", name, c), func(b *testing.B) {
				b.SetBytes(int64(4 * len(w)))
				for b.Loop() {
					pack(c, packed, w)
				}
			})
		}
		run("pack", s.PackWeights)
		run("transposed", s.PackWeightsTransposed)
		run("unpack", s.UnpackWeightGrad)
	}
}
