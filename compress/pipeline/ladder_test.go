package pipeline

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"espalier/configs"
)

// TestLadderOfKinds: what ends the rounds of one kind leaves those of another.
func TestLadderOfKinds(t *testing.T) {
	e, err := configs.Decode("e.yaml", []byte(`
gate: {smallest_step: 0.15}
rounds:
  - channels: {macs: 0.4}
  - channels: {macs: 0.4}
  - weights: {target: 0.6}
  - weights: {target: 0.9}
  - channels: {parameters: 0.2}
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	l := newLadder(e)
	var course []string
	for _, a := range []Action{Accept, Back, Accept, Accept, Back, Back, Accept} {
		try, ok := l.next()
		if !ok {
			t.Fatalf("no rounds are left after %v", course)
		}
		if a == Back && !l.mayGoBack() {
			t.Errorf("%v: it may not go back", try)
		}
		course = append(course, try.String())
		l.decided(a)
	}
	want := []string{
		"channels for 40 % of the multiply-adds", "channels for 40 % of the multiply-adds", "channels for 20 % of the multiply-adds",
		"60 % of the weights", "90 % of the weights", "75 % of the weights", "channels for 20 % of the parameters",
	}
	if !slices.Equal(course, want) || len(l.rounds) != 0 {
		t.Errorf("have %q\nwant %q", course, want)
	}
}

// TestLadder plays whole courses: a target passes up to a limit that the ladder
// does not know.
func TestLadder(t *testing.T) {
	for _, c := range []struct {
		name   string
		gate   configs.Gate
		passes float64
		want   string
	}{
		{"all pass", configs.Gate{}, 1, "0.50 accept 0.80 accept 0.90 accept"},
		{"the first that fails ends it", configs.Gate{}, 0.6, "0.50 accept 0.80 stop"},
		{"more epochs first", configs.Gate{MoreEpochs: 7}, 0.6, "0.50 accept 0.80 retry 0.80+7 stop"},
		{"half the step, up and down", configs.Gate{SmallestStep: 0.03}, 0.75,
			"0.50 accept 0.80 back 0.65 accept 0.73 accept 0.76 stop"},
		{"the step is too small at once", configs.Gate{SmallestStep: 0.2}, 0.6, "0.50 accept 0.80 stop"},
		{"below the first target", configs.Gate{SmallestStep: 0.1}, 0.3, "0.50 back 0.25 accept 0.38 stop"},
		{"nothing passes", configs.Gate{SmallestStep: 0.1}, 0, "0.50 back 0.25 back 0.12 stop"},
	} {
		e := configs.Defaults()
		e.Prune.Targets, e.Gate = []float64{0.5, 0.8, 0.9}, c.gate
		l := newLadder(e)
		var course []string
		for try, ok := l.next(); ok; try, ok = l.next() {
			if try.number != l.number+1 {
				t.Fatalf("%s: try %d after %d", c.name, try.number, l.number)
			}
			again := ""
			if try.again {
				again = fmt.Sprintf("+%g", try.FineTune.Epochs[0])
			}
			r := runner{e: e, ladder: l}
			a := r.gateSays(&RoundDone{Passed: try.Target() <= c.passes})
			course = append(course, fmt.Sprintf("%.2f%s %s", try.Target(), again, a))
			l.decided(a)
		}
		if have := strings.Join(course, " "); have != c.want {
			t.Errorf("%s:\nhave %s\nwant %s", c.name, have, c.want)
		}
		if !slices.Equal(e.Prune.Targets, []float64{0.5, 0.8, 0.9}) {
			t.Errorf("%s: the plan changed", c.name)
		}
	}
}
