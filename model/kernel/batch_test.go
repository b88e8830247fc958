package kernel

import (
	"fmt"
	"slices"
	"testing"
)

// batchConvs are the general convolutions that BatchForward knows, small ones.
func batchConvs() []GeneralConv {
	all := []GeneralConv{
		NewGeneralConv(64, 4, 4, 48, 1, Square(3, 1, 1), false),
		NewGeneralConv(32, 2, 2, 32, 1, Square(3, 1, 1), false),
		NewGeneralConv(20, 1, 1, 16, 1, Square(3, 1, 1), false),
		NewGeneralConv(16, 8, 8, 33, 1, Square(3, 2, 1), false),
		NewGeneralConv(16, 4, 4, 16, 1, Window{3, 1, 4, 4, 4, 4}, false), // windows beside the map
	}
	for _, c := range generalConvs() {
		if c.Groups == 1 && !c.In.isImage() && c.Out.H*c.Out.W <= 64 {
			all = append(all, c)
		}
	}
	return all
}

func TestBatchForward(t *testing.T) {
	eachGeneral(t, batchConvs(), func(t *testing.T, c GeneralConv) {
		pack := func(s *Set, oihw []float32) []float32 { return packedGeneral(t, c, s, oihw) }
		testForward(t, c, pack, func(s *Set, y, x, w []float32, e Epilogue) {
			s.BatchForward(c, y, x, 1, w, e)
		})
	})
}

// Images of a batch are computed as each of them is.
func TestBatchForwardOfManyImages(t *testing.T) {
	eachGeneral(t, batchConvs(), func(t *testing.T, c GeneralConv) {
		const n = 17
		r := newRand(1)
		w, bias := fillNormal(r, make([]float32, c.WeightLen())), Floats(c.Out.C)
		fillNormal(r, bias[:c.K])
		x, residual := guardedFloats(t, n*c.In.Len(), 0), guardedFloats(t, n*c.Out.Len(), 0)
		for i := range n {
			goSet().PackChannels(c.In, c.C, x[i*c.In.Len():][:c.In.Len()], fillNormal(r, make([]float32, c.inLen())))
			goSet().PackChannels(c.Out, c.K, residual[i*c.Out.Len():][:c.Out.Len()], fillNormal(r, make([]float32, c.outLen())))
		}
		eachSet(t, func(t *testing.T, s *Set) {
			packed := packedGeneral(t, c, s, w)
			y, one := guardedFloats(t, n*c.Out.Len(), 0), guardedFloats(t, c.Out.Len(), 0)
			e := Epilogue{Bias: bias, ReLU: true, Residual: residual}
			s.BatchForward(c, y, x, n, packed, e)
			for i := range n {
				e.Residual = residual[i*c.Out.Len():]
				s.BatchForward(c, one, x[i*c.In.Len():], 1, packed, e)
				if !slices.Equal(one, y[i*c.Out.Len():][:c.Out.Len()]) {
					t.Fatalf("image %d of %d is another than alone", i, n)
				}
				s.GeneralForward(c, one, x[i*c.In.Len():], packed, e, guardedFloats(t, c.Scratch(), 0))
				if !slices.Equal(one, y[i*c.Out.Len():][:c.Out.Len()]) {
					t.Fatalf("image %d of %d is another than by GeneralForward", i, n)
				}
			}
		})
	})
}

// Shares of a convolution together are the convolution, bit by bit.
func TestShares(t *testing.T) {
	type conv struct {
		what    string
		in, out Map
		weights int
		// pack brings weights into s's layout, and returns what computes y.
		pack func(s *Set, oihw []float32) func(y, x []float32, e Epilogue)
	}
	var all []conv
	for _, c := range []Conv{
		winogradConv(16, 32, 32), winogradConv(64, 8, 8), winogradTo(96, winogradConv(48, 14, 7)), winogradConv(192, 4, 4),
		{In: Map{16, 16, 16}, Out: Map{32, 8, 8}, Kernel: 3, Stride: 2},
		{In: Map{32, 12, 10}, Out: Map{16, 12, 10}, Kernel: 1, Stride: 1},
	} {
		all = append(all, conv{"direct " + c.String(), c.In, c.Out, c.PackedLen(), func(s *Set, oihw []float32) func(y, x []float32, e Epilogue) {
			w := Floats(c.PackedLen())
			s.PackWeights(c, w, oihw)
			return func(y, x []float32, e Epilogue) { s.ConvForward(c, y, x, w, e) }
		}})
		if WinogradOK(c) {
			p := NewWinograd(c, SmallChunk)
			all = append(all, conv{"Winograd " + c.String(), c.In, c.Out, c.PackedLen(), func(s *Set, oihw []float32) func(y, x []float32, e Epilogue) {
				u, scratch := Floats(p.WeightsLen()), Floats(p.ScratchLen())
				s.WinogradWeights(p, u, oihw, false)
				return func(y, x []float32, e Epilogue) { s.WinogradForward(p, y, x, 1, u, e, scratch, nil) }
			}})
		}
	}
	for _, c := range []GeneralConv{
		NewGeneralConv(20, 9, 9, 70, 1, Square(5, 2, 3), false),
		NewGeneralConv(32, 9, 7, 64, 2, Square(3, 1, 1), false),
	} {
		all = append(all, conv{"general " + c.String(), c.In, c.Out, c.WeightLen(), func(s *Set, oihw []float32) func(y, x []float32, e Epilogue) {
			w, scratch := packedGeneral(t, c, s, oihw), Floats(c.Scratch())
			return func(y, x []float32, e Epilogue) { s.GeneralForward(c, y, x, w, e, scratch) }
		}})
	}
	for _, d := range []Depthwise{NewDepthwise(16, 3, 9, Square(3, 1, 1)), NewDepthwise(40, 14, 14, Square(5, 1, 2)), NewDepthwise(96, 8, 8, Square(3, 2, 1))} {
		all = append(all, conv{"depthwise " + d.general().String(), d.In, d.Out, d.Channels * d.Kernel * d.Kernel, func(s *Set, oihw []float32) func(y, x []float32, e Epilogue) {
			w, scratch := d.packed(t, s, oihw), Floats(d.Scratch())
			return func(y, x []float32, e Epilogue) { s.DepthwiseForward(d, y, x, w, e, scratch) }
		}})
	}
	eachSet(t, func(t *testing.T, s *Set) {
		for _, c := range all {
			r := newRand(1)
			run := c.pack(s, fillNormal(r, make([]float32, c.weights)))
			x, residual := normalImages(t, c.in, 1, 2), normalImages(t, c.out, 1, 3)
			e := Epilogue{Bias: fillNormal(r, Floats(c.out.C)), Residual: residual.laid, ReLU: true}
			whole := Floats(c.out.Len())
			run(whole, x.laid, e)
			for _, of := range []int{1, 2, 3, 5} {
				y := guardedFloats(t, c.out.Len(), 0)
				for i := range of {
					e.Share = Share{i, of}
					run(y, x.laid, e)
				}
				if !slices.Equal(y, whole) {
					t.Errorf("%s in %s: other values", c.what, fmt.Sprint(of, " shares"))
				}
			}
		}
	})
}

func packedGeneral(t testing.TB, c GeneralConv, s *Set, oihw []float32) []float32 {
	w := guardedFloats(t, c.PackedLen(), 0)
	s.PackGeneral(c, w, oihw)
	return w
}
