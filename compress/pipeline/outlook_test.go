package pipeline

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// TestOutlook: before its first step a run says how long each part takes. It is
// told once, and says where a dense network comes from the cache.
func TestOutlook(t *testing.T) {
	parts := tinyParts()
	parts.Cache = t.TempDir()
	e := tiny(t, "about=A test.")
	r := create(t, e)
	_, events := do(t, r, parts)
	at := func(kind string) int {
		return slices.IndexFunc(events, func(e Event) bool { return e.Body.Kind() == kind })
	}
	if told, step := at("outlook"), at("step_done"); told < 0 || told > step {
		t.Fatalf("the outlook is event %d, the first step event %d", told, step)
	}
	if logs := of[Log](events); logs[0].Text != "A test." {
		t.Errorf("the first line of the log is %q", logs[0].Text)
	}
	o := of[Outlook](events)[0]
	var names []string
	sum := 0.0
	for _, p := range o.Parts {
		names, sum = append(names, p.Name), sum+p.Seconds
		if p.Seconds <= 0 || p.Cached {
			t.Errorf("%+v", p)
		}
	}
	if have := strings.Join(names, ", "); have != "dense, round 1, round 2, quantize, sweep" || sum != o.Seconds || o.ImagesPerSec <= 0 {
		t.Errorf("%s: %+v", have, o)
	}
	if dense := o.Parts[0]; dense.Epochs != 1.5 || dense.Seconds < 1.5*64/o.ImagesPerSec {
		t.Errorf("%+v at %v images/s", dense, o.ImagesPerSec)
	}

	_, events = do(t, create(t, tiny(t, "about=A test.", "prune.targets=[]", "sweep.sizes=[]")), parts)
	if o := of[Outlook](events)[0]; !o.Parts[0].Cached || o.Parts[0].Seconds != 0 || !strings.Contains(o.String(), "dense (1.5 epochs) from an earlier run") {
		t.Errorf("with a cached dense network: %v", o)
	}

	_, events = do(t, create(t, tiny(t, "dense.epochs=0", "prune.targets=[]", "sweep.sizes=[]", "model.weights="+r.Folder.Path(denseCheckpoint))), tinyParts())
	if o := of[Outlook](events); len(o) != 0 {
		t.Errorf("nothing is trained: %v", o)
	}

	stopped := create(t, tiny(t, "sweep.sizes=[]", "prune.targets=[]"))
	parts.CheckpointEvery, parts.Cache = time.Nanosecond, ""
	stopAt(t, stopped, parts, func(b Body) bool { s, ok := b.(StepDone); return ok && s.Step == 3 })
	resumed, err := Continue(stopped.Folder)
	if err != nil {
		t.Fatal(err)
	}
	defer resumed.Close()
	_, events = do(t, resumed, parts)
	if o := of[Outlook](events); len(o) != 1 {
		t.Errorf("%d outlooks after an interruption", len(o))
	}
}
