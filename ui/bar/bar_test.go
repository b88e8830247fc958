package bar

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestLog(t *testing.T) {
	var out bytes.Buffer
	b := New(&out, false, "CIFAR-10")
	for done := int64(0); done <= 2e6; done += 1000 {
		b.Set(done, 2e6)
	}
	b.End()
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 11 || lines[0] != "CIFAR-10:   0 % of 2.0 MB" || lines[10] != "CIFAR-10: 100 % of 2.0 MB" {
		t.Errorf("%d lines:\n%s", len(lines), out.String())
	}
}

func TestTerminal(t *testing.T) {
	var out bytes.Buffer
	b := New(&out, true, "CIFAR-10")
	now := time.Unix(0, 0)
	b.now = func() time.Time { return now }
	draw := func(after time.Duration, done int64) string {
		out.Reset()
		now = now.Add(after)
		b.Set(done, 10e6)
		return out.String()
	}
	if s := draw(0, 2e6); !strings.Contains(s, "2.0 MB of 10.0 MB") || strings.Contains(s, "left") {
		t.Errorf("first: %q", s)
	}
	if s := draw(time.Millisecond, 3e6); s != "" {
		t.Errorf("drawn again at once: %q", s)
	}
	// Four megabytes in two seconds, the two that were there not counted.
	if s := draw(2*time.Second-time.Millisecond, 6e6); !strings.HasPrefix(s, clearLine) || !strings.Contains(s, " "+strings.Repeat("█", 24)+strings.Repeat("░", 16)+" ") || !strings.Contains(s, "2.0 MB/s, 2s left") {
		t.Errorf("later: %q", s)
	}
	if s := draw(0, 10e6); !strings.Contains(s, "10.0 MB of 10.0 MB") || strings.Contains(s, "\n") {
		t.Errorf("last: %q", s)
	}
	// A server that cannot resume begins again: the speed counts from there.
	if s := draw(time.Second, 0); strings.Contains(s, "left") {
		t.Errorf("begun again: %q", s)
	}
	out.Reset()
	b.End()
	b.End()
	if out.String() != "\n" {
		t.Errorf("end: %q", out.String())
	}
}

// Without a known length nothing is divided by zero.
func TestUnknownLength(t *testing.T) {
	for _, terminal := range []bool{false, true} {
		var out bytes.Buffer
		b := New(&out, terminal, "x")
		b.Set(5, 0)
		b.Set(7, -1)
	}
}
