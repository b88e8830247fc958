package pipeline

import (
	"os"
	"strings"
	"testing"

	"espalier/dataset"
)

// TestRepairInARun: a run tries repairs on the validation part, tells of each, and
// its int8 network is the repaired one; without validation images it says what to do.
func TestRepairInARun(t *testing.T) {
	set := []string{"quantize.repair=bias,equalise", "quantize.per_tensor=true", "sweep.sizes=[]", "prune.targets=[]"}
	r := create(t, tiny(t, set...))
	done, events := do(t, r, tinyParts())
	tried := of[Repaired](events)
	if done.Status != StatusDone || len(tried) != 3 || tried[0].Name != "none" || tried[1].Name != "equalise" || tried[2].Name != "bias" {
		t.Fatalf("%+v, tried %+v", done, tried)
	}
	for _, b := range tried {
		if b.Split != "validation" || b.Images == 0 || b.Loss <= 0 {
			t.Errorf("%+v", b)
		}
	}
	without := create(t, tiny(t, set[1:]...))
	do(t, without, tinyParts())
	kept := tried[1].Kept || tried[2].Kept
	if other := fileTensors(t, r.Folder, quantizedFile) != fileTensors(t, without.Folder, quantizedFile); other != kept {
		t.Errorf("the int8 network differs from the one without repairs: %v, and %+v", other, tried)
	}
	report, err := os.ReadFile(r.Folder.Path("report.md"))
	if err != nil || !strings.Contains(string(report), "## Repairs") || !strings.Contains(string(report), "| equalise |") {
		t.Errorf("the report lacks the repairs; error %v", err)
	}
	bare := create(t, tiny(t, set...))
	failed, _ := bare.Do(t.Context(), Parts{Open: func(o dataset.Options) (*dataset.Data, error) {
		d, err := tinyParts().Open(o)
		d.Validation = &dataset.Split{}
		return d, err
	}})
	if failed.Status != StatusFailed || !strings.Contains(failed.Reason, "judged on validation images") {
		t.Errorf("without validation images: %+v", failed)
	}
}
