package measure

import (
	"fmt"
	"strings"
)

// A Promise is the limits that a network must meet. A limit of 0 is not checked.
type Promise struct {
	MinSparsity float64 // of all convolution and linear weights, 0 to 1
	MinTop1     float64 // on the test part, 0 to 1
}

// A Verdict says whether a network met its limits. Its JSON form is that of the
// command check.
type Verdict struct {
	Passed bool   `json:"passed"`
	Reason string `json:"reason"`
	Result
}

// Check compares a result with the limits. A network whose logits are not
// finite for some image fails. A share that equals its limit passes: with
// counts of up to a few million, both sides are the nearest float64 of the same
// share.
func (p Promise) Check(r Result) Verdict {
	var kept, broken []string
	if r.NotFinite > 0 {
		broken = append(broken, r.broken())
	}
	for _, limit := range []struct {
		what       string
		have, want float64
		digits     int // enough to show one weight or one image in 10,000
	}{
		{"sparsity", r.Sparsity, p.MinSparsity, 4},
		{"top-1", r.Top1, p.MinTop1, 2},
	} {
		numbers := func(verb string) string {
			return fmt.Sprintf("%s %.*f %% %s %.*f %%", limit.what, limit.digits, 100*limit.have, verb, limit.digits, 100*limit.want)
		}
		switch {
		case limit.want == 0:
		case limit.have >= limit.want:
			kept = append(kept, numbers("reaches"))
		default: // also where have is not a number
			broken = append(broken, numbers("misses"))
		}
	}
	return Verdict{len(broken) == 0, strings.Join(append(broken, kept...), ", "), r}
}

// Validate returns an error if a limit is not a share or if there is no limit.
func (p Promise) Validate() error {
	for _, limit := range []struct {
		flag  string
		value float64
	}{{"--min-sparsity", p.MinSparsity}, {"--min-top1", p.MinTop1}} {
		if !(limit.value >= 0 && limit.value <= 1) {
			return fmt.Errorf("%s %v: want a share from 0 to 1, as 0.9 for 90 %%", limit.flag, limit.value)
		}
	}
	if p == (Promise{}) {
		return fmt.Errorf("nothing to check: give --min-sparsity or --min-top1")
	}
	return nil
}
