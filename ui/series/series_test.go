package series

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestASpikeSurvivesAMillionPoints(t *testing.T) {
	var s Series
	for i := range 1_000_000 {
		y := 1.0
		if i == 123_456 {
			y = 50
		}
		s.Add(float64(i), y)
	}
	found := false
	for _, w := range s.Window(0, 1e6, 200, 0) {
		found = found || w.Max == 50 && w.First <= 123_456 && w.Last >= 123_456
	}
	if !found {
		t.Error("the spike is not in the window of the whole run")
	}
	if n := len(s.raw) + len(s.coarse); n > 2*capacity {
		t.Errorf("%d spans kept, want at most %d", n, 2*capacity)
	}
	if s.Len() != 1_000_000 {
		t.Errorf("Len = %d", s.Len())
	}
}

func TestDeepZoomReadsSinglePoints(t *testing.T) {
	var s Series
	for i := range 100_000 {
		s.Add(float64(i), float64(i))
	}
	w := s.Window(99_990, 99_995, 100, 0)
	if len(w) != 8 { // six points and a neighbour on each side
		t.Fatalf("%d spans, want 8", len(w))
	}
	for i, p := range w {
		if want := float64(99_989 + i); p.First != want || p.Min != want || p.Max != want || p.Count != 1 {
			t.Errorf("span %d is %+v", i, p)
		}
	}
}

func TestNonFiniteValuesAreCountedAndDoNotPoison(t *testing.T) {
	var s Series
	for i, y := range []float64{1, math.NaN(), math.Inf(1), math.Inf(-1), 3} {
		s.Add(float64(i), y)
	}
	w := s.Window(0, 4, 1, 0)
	if len(w) != 1 {
		t.Fatalf("%d spans, want 1", len(w))
	}
	if got := w[0]; got.Min != 1 || got.Max != 3 || got.Mean() != 2 || got.NaN != 1 || got.Up != 1 || got.Down != 1 {
		t.Errorf("%+v", got)
	}
	if s.Bad() != 3 {
		t.Errorf("Bad = %d, want 3", s.Bad())
	}
	for _, p := range s.Window(0, 4, 9, 0.9) {
		if p.Count > 0 && (p.Mean() < 1 || p.Mean() > 3) {
			t.Errorf("smoothed value %v is outside the data", p.Mean())
		}
	}
}

func TestSmoothingIsDebiased(t *testing.T) {
	var s Series
	for i := range 10 {
		s.Add(float64(i), 7)
	}
	for _, p := range s.Window(0, 9, 100, 0.99) {
		if math.Abs(p.Mean()-7) > 1e-12 {
			t.Errorf("at %v: %v, want 7", p.First, p.Mean())
		}
	}
	// y₀ = a, then b: (0.6·0.4·a + 0.4·b) / (1 − 0.6²)
	var two Series
	two.Add(0, 1)
	two.Add(1, 2)
	w := two.Window(0, 1, 10, 0.6)
	if want := (0.6*0.4*1 + 0.4*2) / (1 - 0.36); math.Abs(w[1].Mean()-want) > 1e-12 {
		t.Errorf("second value %v, want %v", w[1].Mean(), want)
	}
}

func TestGoingBackForgets(t *testing.T) {
	var s Series
	for i := range 40_000 {
		s.Add(float64(i), 1)
	}
	s.Add(30_000, 2)
	if _, last, _ := s.Extent(); last != 30_000 {
		t.Errorf("last x = %v, want 30000", last)
	}
	for _, w := range s.Window(0, 29_990, 50, 0) {
		if w.Max > 1 && w.First < 29_990 {
			t.Errorf("span %+v holds the new value", w)
		}
	}
	if x, y, _ := s.Lowest(); y != 1 || x >= 30_000 {
		t.Errorf("Lowest = %v, %v", x, y)
	}
}

func TestEmpty(t *testing.T) {
	var s Series
	if w := s.Window(0, 1, 10, 0.9); len(w) != 0 {
		t.Errorf("window %v", w)
	}
	if _, _, ok := s.Extent(); ok {
		t.Error("an empty series has an extent")
	}
	if _, ok := s.At(3); ok {
		t.Error("an empty series has a value")
	}
	if _, _, ok := s.Lowest(); ok {
		t.Error("an empty series has a lowest value")
	}
}

// A window loses no point and invents none.
func TestWindowKeepsEveryPoint(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s Series
		n := rapid.IntRange(1, 3000).Draw(t, "points")
		values := rapid.Float64Range(-1e3, 1e3)
		low, high := math.Inf(1), math.Inf(-1)
		for i := range n {
			y := values.Draw(t, "y")
			low, high = min(low, y), max(high, y)
			s.Add(float64(i), y)
		}
		columns := rapid.IntRange(1, 300).Draw(t, "columns")
		count := 0
		gotLow, gotHigh := math.Inf(1), math.Inf(-1)
		window := s.Window(0, float64(n), columns, 0)
		for _, w := range window {
			count += w.Count
			gotLow, gotHigh = min(gotLow, w.Min), max(gotHigh, w.Max)
		}
		if count != n || gotLow != low || gotHigh != high || len(window) > columns+2 {
			t.Fatalf("%d spans of %d points from %v to %v, want at most %d spans of %d points from %v to %v",
				len(window), count, gotLow, gotHigh, columns+2, n, low, high)
		}
	})
}

func BenchmarkWindowOfAMillion(b *testing.B) {
	var s Series
	for i := range 1_000_000 {
		s.Add(float64(i), math.Sin(float64(i)/1000))
	}
	for b.Loop() {
		s.Window(0, 1e6, 200, 0.9)
	}
}
