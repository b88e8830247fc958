package pipeline

import "testing"

// TestCostsDecideNothing: a run whose networks are measured has the same journal
// but for what is measured.
func TestCostsDecideNothing(t *testing.T) {
	numeric(t)
	hash, events := reference(t)
	if n := len(of[Cost](events)); n > 0 {
		t.Errorf("%d costs in a run that does without", n)
	}
	r := create(t, tiny(t, "cost.measure=true"))
	_, events = do(t, r, tinyParts())
	if n := len(of[Cost](events)); n != 4 {
		t.Errorf("%d costs", n)
	}
	if have := journalHash(t, r.Folder); have != hash {
		t.Errorf("the journal's hash is %s, and %s without costs", have, hash)
	}
}

func TestFastest(t *testing.T) {
	c := Cost{Speeds: []Speed{
		{Form: "fp32", Batch: 1, Threads: 1, Seconds: 3}, {Form: "sparse fp32", Batch: 1, Threads: 1, Seconds: 2},
		{Form: "fp32", Batch: 1, Threads: 4, Seconds: 1}, {Form: "sparse fp32", Batch: 1, Threads: 4, Seconds: 1.5},
	}}
	if s, ok := c.Fastest(1, 1); !ok || s.Seconds != 2 {
		t.Errorf("on one thread %+v", s)
	}
	if s, ok := c.Fastest(1, 0); !ok || s.Form != "fp32" || s.Threads != 4 {
		t.Errorf("on all %+v", s)
	}
	if _, ok := c.Fastest(128, 0); ok {
		t.Error("a batch of 128 was not measured")
	}
}
