package dataset

import (
	"strings"
	"sync/atomic"
	"testing"
)

func TestSpread(t *testing.T) {
	for _, n := range []int{0, 1, 63, 64, 65, 1000} {
		times := make([]atomic.Int32, n)
		spread(n, 64, func() func(int) { return func(i int) { times[i].Add(1) } })
		for i := range times {
			if times[i].Load() != 1 {
				t.Fatalf("%d of %d was done %d times", i, n, times[i].Load())
			}
		}
	}
}

// TestSpreadPanics wants a panic to reach the caller, with its stack.
func TestSpreadPanics(t *testing.T) {
	defer func() {
		if text, _ := recover().(string); !strings.HasPrefix(text, "oh dear\n") || !strings.Contains(text, "TestSpreadPanics") {
			t.Errorf("the panic says %q", text)
		}
	}()
	spread(200, 64, func() func(int) {
		return func(i int) {
			if i == 100 {
				panic("oh dear")
			}
		}
	})
}
