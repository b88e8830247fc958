package cli

import "testing"

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{
		"60kB": 60000, "60 kB": 60000, "1.5MB": 1500000, "64KiB": 65536, "2MiB": 2 << 20, "60000": 60000, "12B": 12,
		"": 0, "kB": 0, "-3kB": 0, "1e400": 0, "NaN": 0, "60kg": 0,
	} {
		got, err := parseSize(text)
		if got != want || (err == nil) != (want > 0) {
			t.Errorf("%q is %d bytes (%v), want %d", text, got, err, want)
		}
	}
}
