package plural

import "testing"

func TestCount(t *testing.T) {
	for _, c := range []struct {
		n          int
		noun, want string
	}{
		{0, "image", "0 images"}, {1, "image", "1 image"}, {2, "image", "2 images"},
		{1, "class", "1 class"}, {10, "class", "10 classes"}, {2, "batch", "2 batches"},
	} {
		if got := Count(c.n, c.noun); got != c.want {
			t.Errorf("%d %s: %q, want %q", c.n, c.noun, got, c.want)
		}
	}
}

func TestAmount(t *testing.T) {
	for x, want := range map[float64]string{
		0: "0 epochs", 0.5: "0.5 epochs", 1: "1 epoch", 500.0 / 352: "1.42 epochs", 2: "2 epochs", 1234: "1234 epochs", 1234.4: "1234 epochs",
	} {
		if got := Amount(x, "epoch"); got != want {
			t.Errorf("%g: %q, want %q", x, got, want)
		}
	}
}

func TestThousands(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 270896: "270,896", 1234567: "1,234,567"} {
		if got := Thousands(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}
