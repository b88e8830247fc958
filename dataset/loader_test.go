package dataset

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// load returns copies of all batches of an epoch.
func load(l *Loader, epoch int) (x [][]float32, labels [][]uint16) {
	for bx, bl := range l.Epoch(epoch) {
		x, labels = append(x, slices.Clone(bx)), append(labels, slices.Clone(bl))
	}
	return x, labels
}

func TestLoaderNormalises(t *testing.T) {
	d := openShapes(t, 50, 0, 10)
	l := d.NewLoader(d.Train, LoaderOptions{Batch: 16})
	x, labels := load(l, 0)
	if len(x) != 4 || l.Batches() != 4 || len(labels[3]) != 2 {
		t.Fatalf("50 images in batches of 16 became %d batches, the last of %d", len(x), len(labels[len(labels)-1]))
	}
	if all := slices.Concat(labels...); !slices.Equal(all, d.Train.Labels) {
		t.Errorf("labels are %v, want those of the split in order", all)
	}
	for c := range 3 {
		var sum, squares float64
		for i, v := range slices.Concat(x...) {
			if i%cifarBytes/plane != c {
				continue
			}
			raw := float64(d.Train.Images[i]) / 255
			want := (raw - float64(d.Mean[c])) / float64(d.Std[c])
			// A division, a difference and a division in float32.
			if bound := 3 * (math.Abs(want) + raw/float64(d.Std[c])) / (1 << 24); math.Abs(float64(v)-want) > bound {
				t.Fatalf("value %d is %v, want %v within %v", i, v, want, bound)
			}
			sum += float64(v)
			squares += float64(v) * float64(v)
		}
		n := float64(d.Train.Len() * plane)
		if mean, std := sum/n, math.Sqrt(squares/n); math.Abs(mean) > 1e-5 || math.Abs(std-1) > 1e-5 {
			t.Errorf("channel %d has mean %v and deviation %v, want 0 and 1", c, mean, std)
		}
	}
}

// TestWindow compares the row copies with the definition: 4 with black, cut,
// mirror, normalise.
func TestWindow(t *testing.T) {
	d := openShapes(t, 10, 0, 10)
	l := d.NewLoader(d.Train, LoaderOptions{Batch: 1})
	src := d.Train.Image(3)
	pixel := func(c, y, x int) uint8 {
		if y < 0 || y >= side || x < 0 || x >= side {
			return 0
		}
		return src[c*plane+y*side+x]
	}
	got := make([]float32, cifarBytes)
	for dy := -4; dy <= 4; dy++ {
		for dx := -4; dx <= 4; dx++ {
			for _, flip := range []bool{false, true} {
				l.window(got, src, dy, dx, flip)
				for i, v := range got {
					c, y, x := i/plane, i%plane/side, i%side
					if flip {
						x = side - 1 - x
					}
					if want := l.value[c][pixel(c, y+dy, x+dx)]; v != want {
						t.Fatalf("dy %d, dx %d, flip %t: channel %d of pixel (%d, %d) is %v, want %v", dy, dx, flip, c, y, x, v, want)
					}
				}
			}
		}
	}
}

// TestAugmentationIsUniform recognises which window each epoch took of an
// image and counts: all 162 must come up, and about equally often.
func TestAugmentationIsUniform(t *testing.T) {
	d := openShapes(t, 10, 0, 10)
	l := d.NewLoader(d.Train, LoaderOptions{Batch: 1, Augment: true, Seed: 5})
	type choice struct {
		dy, dx int
		flip   bool
	}
	choices := make(map[string]choice)
	x, labels := make([]float32, cifarBytes), make([]uint16, 1)
	key := func() string {
		b := make([]byte, 0, 4*cifarBytes)
		for _, v := range x {
			bits := math.Float32bits(v)
			b = append(b, byte(bits), byte(bits>>8), byte(bits>>16), byte(bits>>24))
		}
		return string(b)
	}
	for dy := -4; dy <= 4; dy++ {
		for dx := -4; dx <= 4; dx++ {
			for _, flip := range []bool{false, true} {
				l.window(x, d.Train.Image(0), dy, dx, flip)
				choices[key()] = choice{dy, dx, flip}
			}
		}
	}
	const epochs = 162 * 50
	count := make(map[choice]int)
	for epoch := range epochs {
		l.Load(epoch, 0, x, labels)
		c, ok := choices[key()]
		if !ok {
			t.Fatalf("epoch %d took no window of the image", epoch)
		}
		count[c]++
	}
	// Chi-squared with 161 degrees of freedom exceeds 250 once in 100,000.
	sum := 0.0
	for _, c := range choices {
		sum += math.Pow(float64(count[c]-50), 2) / 50
	}
	if sum > 250 {
		t.Errorf("chi-squared of the 162 choices is %.0f, want below 250", sum)
	}
}

// TestCutout compares images with those of a loader without it: the same crop
// and flip, but for a square of the mean colour whose centre is anywhere.
func TestCutout(t *testing.T) {
	d := openShapes(t, 4, 0, 4)
	const side = 5
	plain := d.NewLoader(d.Train, LoaderOptions{Batch: 1, Augment: true, Seed: 5})
	cutting := d.NewLoader(d.Train, LoaderOptions{Batch: 1, Augment: true, Cutout: side, Seed: 5})
	want, have, labels := make([]float32, cifarBytes), make([]float32, cifarBytes), make([]uint16, 1)
	var centres [32]int
	for epoch := range 40 * 32 {
		plain.Load(epoch, 0, want, labels)
		cutting.Load(epoch, 0, have, labels)
		top, bottom, left, right := 32, 0, 32, 0
		for i, v := range have {
			if v == want[i] {
				continue
			}
			if v != 0 {
				t.Fatalf("epoch %d: value %d is %v", epoch, i, v)
			}
			y, x := i%plane/32, i%32
			top, bottom, left, right = min(top, y), max(bottom, y+1), min(left, x), max(right, x+1)
		}
		if bottom-top > side || right-left > side || bottom <= top {
			t.Fatalf("epoch %d: rows %d to %d and columns %d to %d are cut", epoch, top, bottom, left, right)
		}
		inside := top > 0 && bottom < 32 && left > 0 && right < 32
		if inside && (bottom-top != side || right-left != side) {
			t.Fatalf("epoch %d: %d×%d pixels are cut", epoch, bottom-top, right-left)
		}
		centre := top + side/2
		if top == 0 {
			centre = bottom - 1 - side/2
		}
		centres[centre]++
	}
	for y, n := range centres {
		if n < 15 || n > 80 { // 40 on average
			t.Errorf("%d squares have their centre in row %d", n, y)
		}
	}
}

func TestBatchDependsOnEpochAndIndexAlone(t *testing.T) {
	d := openShapes(t, 100, 0, 10)
	options := LoaderOptions{Batch: 7, Shuffle: true, Augment: true, Seed: 9}
	var x [3][][]float32
	var labels [3][][]uint16
	l := d.NewLoader(d.Train, options)
	for epoch := range 3 {
		x[epoch], labels[epoch] = load(l, epoch)
	}
	if slices.Equal(labels[0][0], labels[1][0]) {
		t.Error("two epochs have the same order")
	}
	rapid.Check(t, func(t *rapid.T) {
		l := d.NewLoader(d.Train, options)
		gx, gl := make([]float32, 7*cifarBytes), make([]uint16, 7)
		for range 5 {
			epoch, index := rapid.IntRange(0, 2).Draw(t, "epoch"), rapid.IntRange(0, 14).Draw(t, "index")
			n := l.Load(epoch, index, gx, gl)
			if !slices.Equal(gx[:n*cifarBytes], x[epoch][index]) || !slices.Equal(gl[:n], labels[epoch][index]) {
				t.Fatalf("batch %d of epoch %d is another one than in sequence", index, epoch)
			}
		}
	})
}

func TestShuffleTakesEveryImageOnce(t *testing.T) {
	d := openShapes(t, 100, 0, 10)
	l := d.NewLoader(d.Train, LoaderOptions{Batch: 30, Shuffle: true, Seed: 1})
	for epoch := range 3 {
		l.arrange(epoch)
		order := slices.Sorted(slices.Values(l.order))
		for i, v := range order {
			if int(v) != i {
				t.Fatalf("epoch %d: sorted order has %d at %d", epoch, v, i)
			}
		}
	}
	only := []int32{5, 3, 90}
	l = d.NewLoader(d.Train, LoaderOptions{Batch: 30, Only: only})
	if _, labels := load(l, 0); !slices.Equal(labels[0], []uint16{5, 3, 0}) {
		t.Errorf("labels of images 5, 3 and 90 are %v", labels[0])
	}
	l = d.NewLoader(d.Train, LoaderOptions{Batch: 30, Only: only, Shuffle: true})
	l.arrange(4)
	if got := slices.Sorted(slices.Values(l.order)); !slices.Equal(got, []int32{3, 5, 90}) {
		t.Errorf("shuffled choice is %v", got)
	}
}

func TestLoadAllocatesNothing(t *testing.T) {
	d := openShapes(t, 100, 0, 10)
	l := d.NewLoader(d.Train, LoaderOptions{Batch: 10, Shuffle: true, Augment: true})
	x, labels := make([]float32, 10*cifarBytes), make([]uint16, 10)
	epoch := 0
	if n := testing.AllocsPerRun(50, func() {
		l.Load(epoch, 3, x, labels)
		epoch++
	}); n != 0 {
		t.Errorf("%v allocations a batch", n)
	}
}

func TestNewLoaderNeedsStatistics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic with unknown Mean and Std")
		}
	}()
	d := &Data{Test: &Split{}}
	d.NewLoader(d.Test, LoaderOptions{Batch: 1})
}

func BenchmarkLoad(b *testing.B) {
	d, err := Open(Options{Set: Shapes10, TrainLimit: 1000, TestLimit: 10})
	if err != nil {
		b.Fatal(err)
	}
	for _, augment := range []bool{false, true} {
		name := "plain"
		if augment {
			name = "augment"
		}
		b.Run(name, func(b *testing.B) {
			const batch = 100
			l := d.NewLoader(d.Train, LoaderOptions{Batch: batch, Augment: augment, Shuffle: true})
			x, labels := make([]float32, batch*cifarBytes), make([]uint16, batch)
			i := 0
			for b.Loop() {
				l.Load(0, i%10, x, labels)
				i++
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch)/1000, "µs/image")
		})
	}
}
