package ui

import (
	"strings"
	"testing"

	"espalier/compress/pipeline"
	"espalier/ui/internal/sample"
)

// TestVerdictKeys: in the pane of the rounds, and everywhere while the run waits for
// somebody, the keys send verdicts; elsewhere they are other keys.
func TestVerdictKeys(t *testing.T) {
	for _, c := range []struct {
		name string
		src  *sample.Source
		pane string
		key  string
		want pipeline.Action
	}{
		{"in progress", during(2, 10), "6", "a", pipeline.Accept},
		{"in progress", during(2, 10), "6", "r", pipeline.Retry},
		{"in progress", during(2, 10), "6", "b", pipeline.Back},
		{"in another pane", during(2, 10), "1", "b", ""},
		{"asked, in another pane", asked(), "1", "a", pipeline.Accept},
		{"asked, in the scales", asked(), "3", "r", pipeline.Retry},
		{"a command", during(2, 10), "1", ":accept", pipeline.Accept},
	} {
		a := newTestApp(t, c.src, 120, 40)
		press(a, c.pane)
		if c.key[0] == ':' {
			if _, err := a.execute(c.key[1:]); err != nil {
				t.Fatal(err)
			}
		} else {
			run(a, press(a, c.key))
		}
		sent := c.src.Sent()
		switch {
		case c.want == "" && len(sent) > 0:
			t.Errorf("%s: %s in pane %s sends %+v", c.name, c.key, c.pane, sent)
		case c.want != "" && !strings.Contains(a.said, "round 2"):
			t.Errorf("%s: %s says %q", c.name, c.key, a.said)
		case c.want != "" && (len(sent) != 1 || sent[0].Do != c.want):
			t.Errorf("%s: %s in pane %s sends %+v, want %s", c.name, c.key, c.pane, sent, c.want)
		}
	}
	a := newTestApp(t, sample.Finished(sample.Journal()), 120, 40)
	if _, err := a.execute("back"); err == nil {
		t.Error("a run that is over takes a verdict")
	}
}
