package model_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"espalier/internal/race"
	"espalier/model"
	"espalier/model/kernel"
	"espalier/model/reference"
)

func TestMain(m *testing.M) {
	race.Shorten()
	goleak.VerifyTestMain(m)
}

// engines runs do on an engine of every kernel set and algorithm.
func engines(t *testing.T, threads int, do func(t *testing.T, e *model.Engine)) {
	for _, k := range kernel.All() {
		for _, a := range []model.Algorithm{model.DirectOnly, model.WinogradOnly} {
			t.Run(fmt.Sprintf("%s/%s", k.Name, a), func(t *testing.T) {
				e := model.NewEngine(k, threads, a)
				defer e.Close()
				do(t, e)
			})
		}
	}
}

// batch draws n normalised images and their labels.
func batch(seed uint64, n int) (x []float32, labels []uint16) {
	random := rand.New(rand.NewPCG(seed, 0))
	x, labels = make([]float32, n*3*32*32), make([]uint16, n)
	for i := range x {
		x[i] = float32(random.NormFloat64())
	}
	for i := range labels {
		labels[i] = uint16(random.IntN(10))
	}
	return x, labels
}

func wide(x []float32) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = float64(v)
	}
	return out
}

// distance returns |have − want| / |want| in the Euclidean norm.
func distance(have []float32, want []float64) float64 {
	var d, w float64
	for i := range want {
		d += (float64(have[i]) - want[i]) * (float64(have[i]) - want[i])
		w += want[i] * want[i]
	}
	return math.Sqrt(d / w)
}

// testNetwork is the smallest network with every kind of block.
func testNetwork(t testing.TB, shortcut model.Shortcut) *model.Graph {
	n := newNetwork(t, model.Arch{Depth: 8, Shortcut: shortcut, Classes: 10})
	n.Init(42)
	return n
}

func TestLogitsAgreeWithReference(t *testing.T) {
	for _, shortcut := range []model.Shortcut{model.Projection, model.Pad} {
		holdLogits(t, testNetwork(t, shortcut), 11)
	}
}

func TestStepAgreesWithReference(t *testing.T) {
	for _, shortcut := range []model.Shortcut{model.Projection, model.Pad} {
		holdStep(t, testNetwork(t, shortcut), 21)
	}
}

// TestWiderNetworks: widths beyond the published networks'. 48 channels are an
// odd number of blocks, which Winograd does not apply to.
func TestWiderNetworks(t *testing.T) {
	for _, a := range []model.Arch{
		{Depth: 8, Shortcut: model.Projection, Classes: 10, Width: 32},
		{Depth: 8, Shortcut: model.Pad, Classes: 10, Width: 48},
	} {
		n := newNetwork(t, a)
		n.Init(42)
		pruned := n.Clone()
		prune(pruned, 0.9, "layer1.0.conv2", "layer3.0.conv2")
		holdLogits(t, pruned, 2)
		if !testing.Short() {
			holdLogits(t, n.Clone(), 2)
			holdStep(t, n, 3)
		}
	}
}

// holdLogits compares a network's logits of random images, on every engine,
// with the reference's. It changes n's statistics.
func holdLogits(t *testing.T, n *model.Graph, images int) {
	random := rand.New(rand.NewPCG(9, 9))
	for _, b := range n.Nodes {
		for c := range b.Mean {
			b.Mean[c], b.Var[c] = float32(random.NormFloat64()/4), 1+random.Float32()
		}
	}
	x, _ := batch(1, images)
	want := reference.From(n).Logits(images, wide(x))
	engines(t, 2, func(t *testing.T, e *model.Engine) {
		v := model.NewEvaluator(n, e, 16)
		have := make([]float32, 10*images)
		v.Logits(have, x)
		if d := distance(have, want); !(d < 5e-6) {
			t.Errorf("%s: logits are off by %.2g", n.Name, d)
		}
		observed := make([]float32, 0, 10*images)
		var points []string
		v.Observe(x, func(point string, rows model.Rows) {
			points = append(points, point)
			count := 0
			for row := range rows {
				count += len(row)
				if point == "fc" {
					observed = append(observed, row...)
				}
			}
			if l := n.Node(point); l != nil && count != images*l.Shape.Len() {
				t.Errorf("%s: saw %d values, want %d", point, count, images*l.Shape.Len())
			}
		})
		if d := distance(observed, want); !(d < 5e-6) {
			t.Errorf("%s: observed logits are off by %.2g at %v", n.Name, d, points)
		}
	})
}

// holdStep compares one training step from start, on every engine, with the
// reference's.
func holdStep(t *testing.T, start *model.Graph, images int) {
	const lr, momentum, decay = 0.1, 0.9, 5e-4
	ref := reference.From(start)
	x, labels := batch(2, images)
	wantLoss := ref.Backward(images, wide(x), labels)
	ref.Update(lr, reference.SGD{Momentum: momentum, WeightDecay: decay})
	engines(t, 2, func(t *testing.T, e *model.Engine) {
		net := start.Clone()
		trainer, err := model.NewTrainer(net, e, 24, model.SGD{Momentum: momentum, WeightDecay: decay})
		if err != nil {
			t.Fatal(err)
		}
		loss, _ := trainer.Step(x, labels, lr)
		if math.Abs(loss-wantLoss) > 1e-5*wantLoss {
			t.Errorf("%s: loss %.9g, want %.9g", start.Name, loss, wantLoss)
		}
		// Rounding flips a few ReLU masks: a wrong term in a gradient is
		// off by far more than a hundredth.
		for i, v := range trainer.Velocity() {
			p := ref.Parameters()
			j := 0
			for p[j].Name != v.Name {
				j++
			}
			if d := distance(v.Data, p[j].Velocity); !(d < 1e-2) {
				t.Errorf("%s: %d %s: update is off by %.2g", start.Name, i, v.Name, d)
			}
		}
		statistics := ref.Statistics()
		for _, tensor := range net.Tensors() {
			if want, ok := statistics[tensor.Name]; ok {
				if d := distance(tensor.Data, want); !(d < 1e-5) {
					t.Errorf("%s: %s is off by %.2g", start.Name, tensor.Name, d)
				}
			}
		}
	})
}

// TestThreadsDoNotChangeABit trains and infers, dense and pruned, with one, two
// and three threads.
func TestThreadsDoNotChangeABit(t *testing.T) {
	start := testNetwork(t, model.Projection)
	x, labels := batch(3, 27)
	engines(t, 1, func(t *testing.T, one *model.Engine) {
		compute := func(e *model.Engine) (results []model.Tensor) {
			net := start.Clone()
			trainer, err := model.NewTrainer(net, e, 32, model.SGD{Momentum: 0.9})
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				trainer.Step(x, labels, 0.1)
			}
			results = append(net.Tensors(), trainer.Velocity()...)
			for _, what := range []string{"logits", "logits when pruned"} {
				logits := make([]float32, 10*len(labels))
				model.NewEvaluator(net, e, 32).Logits(logits, x)
				results = append(results, model.Tensor{Name: what, Data: logits})
				net = net.Clone()
				prune(net, 0.9)
			}
			return results
		}
		want := compute(one)
		for threads := 2; threads <= 3; threads++ {
			e := model.NewEngine(one.Kernels, threads, one.Algorithm)
			defer e.Close()
			for i, have := range compute(e) {
				for j, v := range have.Data {
					if w := want[i].Data[j]; math.Float32bits(v) != math.Float32bits(w) {
						t.Fatalf("%s[%d]: %g with one thread, %g with %d", have.Name, j, w, v, threads)
					}
				}
			}
		}
	})
}

func TestMasksHold(t *testing.T) {
	net := testNetwork(t, model.Projection)
	l := net.Node("layer2.0.conv1")
	l.Mask = make([]float32, len(l.Weight))
	for i := range l.Mask {
		l.Mask[i] = float32(i % 2)
		l.Weight[i] *= l.Mask[i]
	}
	e := model.NewEngine(kernel.All()[0], 2, model.Auto)
	defer e.Close()
	trainer, err := model.NewTrainer(net, e, 8, model.SGD{Momentum: 0.9, WeightDecay: 5e-4})
	if err != nil {
		t.Fatal(err)
	}
	x, labels := batch(4, 8)
	for range 2 {
		trainer.Step(x, labels, 0.1)
	}
	for i, w := range l.Weight {
		if i%2 == 0 && w != 0 || i%2 == 1 && w == 0 {
			t.Fatalf("weight %d is %g", i, w)
		}
	}
}

func TestStepAllocatesNothing(t *testing.T) {
	x, labels := batch(5, 16)
	engines(t, 2, func(t *testing.T, e *model.Engine) {
		trainer, err := model.NewTrainer(testNetwork(t, model.Projection), e, 16, model.SGD{Momentum: 0.9})
		if err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(2, func() { trainer.Step(x, labels, 0.01) }); n != 0 {
			t.Errorf("a step allocates %g times", n)
		}
	})
	for seed := range uint64(6) {
		g := randomGraph(t, seed)
		x, labels := draw(1, 9, g.Input().Shape, g.Classes())
		e := model.NewEngine(kernel.All()[0], 2, model.Auto)
		trainer, err := model.NewTrainer(g, e, 9, model.SGD{Momentum: 0.9})
		if err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(2, func() { trainer.Step(x, labels, 0.01) }); n != 0 {
			t.Errorf("%s: a step allocates %g times", g.Name, n)
		}
		e.Close()
	}
}

func TestLossThatIsNotFiniteChangesNoWeight(t *testing.T) {
	net := testNetwork(t, model.Projection)
	e := model.NewEngine(kernel.All()[0], 2, model.Auto)
	defer e.Close()
	trainer, err := model.NewTrainer(net, e, 8, model.SGD{Momentum: 0.9})
	if err != nil {
		t.Fatal(err)
	}
	before := net.Clone()
	x, labels := batch(6, 8)
	x[100] = float32(math.NaN())
	if loss, _ := trainer.Step(x, labels, 0.1); !math.IsNaN(loss) {
		t.Errorf("loss is %g", loss)
	}
	for i, p := range net.Parameters() {
		for j, v := range p.Data {
			if v != before.Parameters()[i].Data[j] {
				t.Fatalf("%s[%d] changed", p.Name, j)
			}
		}
	}
}

// TestEach covers fewer items than workers, and numbers that do not divide.
func TestEach(t *testing.T) {
	e := model.NewEngine(kernel.All()[0], 4, model.Auto)
	defer e.Close()
	for range 100 {
		for n := range 10 {
			done := make([]atomic.Int32, n)
			var busy [4]atomic.Bool
			e.Each(n, func(worker, item int) {
				if busy[worker].Swap(true) {
					t.Errorf("%d items: worker %d has two at a time", n, worker)
				}
				done[item].Add(1)
				busy[worker].Store(false)
			})
			for item := range done {
				if c := done[item].Load(); c != 1 {
					t.Fatalf("item %d of %d was done %d times", item, n, c)
				}
			}
		}
	}
}

// A worker that is held up keeps nobody waiting: the others do what is left of its
// items.
func TestWorkersTakeOthersItems(t *testing.T) {
	e := model.NewEngine(kernel.All()[0], 2, model.Auto)
	defer e.Close()
	for _, slow := range []int{0, 7} { // the first item of either worker's
		const n = 14
		var others atomic.Int32
		var late atomic.Bool
		e.Each(n, func(_, item int) {
			if item != slow {
				others.Add(1)
				return
			}
			for end := time.Now().Add(10 * time.Second); others.Load() < n-1; runtime.Gosched() {
				if time.Now().After(end) {
					late.Store(true)
					return
				}
			}
		})
		if late.Load() {
			t.Errorf("while item %d took long, only %d of %d others were done", slow, others.Load(), n-1)
		}
	}
}

func TestWorkersPanicReachesTheCaller(t *testing.T) {
	e := model.NewEngine(kernel.All()[0], 2, model.Auto)
	defer e.Close()
	defer func() {
		f, ok := recover().(*model.Failure)
		if !ok || f.Value != "broken" || len(f.Stack) == 0 {
			t.Errorf("recovered %v", f)
		}
		e.Each(4, func(int, int) {}) // still works
	}()
	e.Each(8, func(_, item int) {
		if item == 7 {
			panic("broken")
		}
	})
}

func BenchmarkStep(b *testing.B) {
	for _, k := range kernel.All() {
		for _, a := range []model.Algorithm{model.DirectOnly, model.WinogradOnly} {
			b.Run(fmt.Sprintf("%s/%s", k.Name, a), func(b *testing.B) {
				e := model.NewEngine(k, 0, a)
				defer e.Close()
				n := newNetwork(b, model.Arch{Depth: 20, Shortcut: model.Projection, Classes: 10})
				n.Init(1)
				trainer, err := model.NewTrainer(n, e, 128, model.SGD{Momentum: 0.9, WeightDecay: 5e-4})
				if err != nil {
					b.Fatal(err)
				}
				x, labels := batch(7, 128)
				for b.Loop() {
					trainer.Step(x, labels, 0.01)
				}
				b.ReportMetric(128*float64(b.N)/b.Elapsed().Seconds(), "images/s")
			})
		}
	}
}

func BenchmarkLogits(b *testing.B) {
	for _, k := range kernel.All() {
		for _, a := range []model.Algorithm{model.DirectOnly, model.WinogradOnly} {
			for _, n := range []int{1, 128} {
				b.Run(fmt.Sprintf("%s/%s/%d", k.Name, a, n), func(b *testing.B) {
					e := model.NewEngine(k, 0, a)
					defer e.Close()
					net := newNetwork(b, model.Arch{Depth: 20, Shortcut: model.Projection, Classes: 10})
					net.Init(1)
					v := model.NewEvaluator(net, e, n)
					x, _ := batch(7, n)
					logits := make([]float32, 10*n)
					for b.Loop() {
						v.Logits(logits, x)
					}
					b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "images/s")
				})
			}
		}
	}
}
