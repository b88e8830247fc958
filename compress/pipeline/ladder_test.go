package pipeline

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"espalier/configs"
)

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
