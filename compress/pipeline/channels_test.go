package pipeline

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"

	"espalier/compress/prune"
	"espalier/configs"
	"espalier/model/weights"
)

// TestChannelsThenWeightsThenInt8 runs rounds of two kinds. The network is smaller
// after the first, its checkpoint holds it, and the run goes on with it after an
// interruption inside any round and between them.
func TestChannelsThenWeightsThenInt8(t *testing.T) {
	set := []string{"sweep.sizes=[]", "quantize.images=2", "gate.max_drop=1", "gate.split=test",
		"rounds=[{channels: {macs: 0.3, round_to: 4, criterion: taylor}}, {weights: {target: 0.8}}]"}
	r := create(t, tiny(t, set...))
	done, events := do(t, r, tinyParts())
	if done.Status != StatusDone || len(of[Quantized](events)) != 1 {
		t.Fatalf("%+v", done)
	}
	s := of[Sliced](events)[0]
	if share := 1 - float64(s.MACs)/float64(s.MACsBefore); share < 0.3 || share > 0.4 || len(s.Groups) == 0 || len(s.Groups[0].Ties) == 0 {
		t.Errorf("%.3f of the multiply-adds went: %+v", share, s.Groups)
	}
	rows := of[RoundDone](events)
	if rows[0].Of != "multiply-adds" || rows[0].Target != 0.3 || rows[1].Of != "weights" {
		t.Errorf("%+v", rows)
	}
	for i, zero := range []float64{0, 0.8} {
		n, _, err := weights.Load(r.Folder.Path(rows[i].Checkpoint))
		if err != nil {
			t.Fatal(err)
		}
		if n.MACs() != s.MACs || math.Abs(prune.CandidateSparsity(n)-zero) > 1e-3 {
			t.Errorf("round %d has %d multiply-adds and %.3f zeros, want %d and %v", i+1, n.MACs(), prune.CandidateSparsity(n), s.MACs, zero)
		}
	}
	state := r.Hub.State()
	var report bytes.Buffer
	markdown(&report, &state, nil, "", nil)
	if text := report.String(); !strings.Contains(text, "## Channels of round 1") || strings.Count(text, "·` |") == 0 {
		t.Errorf("the report says\n%s", text)
	}
	for _, stop := range first(1, []func(Body) bool{
		func(b Body) bool { s, ok := b.(StepDone); return ok && s.Round == 1 && s.Step == 3 },
		func(b Body) bool { d, ok := b.(RoundDone); return ok && d.Round == 1 },
		func(b Body) bool { s, ok := b.(StepDone); return ok && s.Round == 2 && s.Step == 3 },
		func(b Body) bool { d, ok := b.(RoundDone); return ok && d.Round == 2 },
	}) {
		again := create(t, tiny(t, set...))
		at := stopAt(t, again, tinyParts(), stop)
		resumed, err := Continue(again.Folder)
		if err != nil {
			t.Fatal(err)
		}
		_, went := do(t, resumed, tinyParts())
		if journalHash(t, again.Folder) != journalHash(t, r.Folder) {
			t.Errorf("stopped at %T and resumed: another journal:\n%s", at, firstDifference(events, went))
		}
		resumed.Close()
	}
}

// TestBackToTheWholeNetwork: a round of channels that fails leaves the network as
// it was before, with all its channels.
func TestBackToTheWholeNetwork(t *testing.T) {
	r := create(t, tiny(t, "sweep.sizes=[]", "quantize.images=2", "gate.min_top1=0.99", "gate.split=test", "rounds=[{channels: {share: 0.5, round_to: 1}, fine_tune: {epochs: 0.25}}]"))
	done, events := do(t, r, tinyParts())
	if done.Result != denseCheckpoint || len(of[Quantized](events)) != 1 {
		t.Errorf("%+v", done)
	}
	s := of[Sliced](events)[0]
	if n := s.Weights; n >= of[RunStarted](events)[0].Weights {
		t.Errorf("%d weights were left", n)
	}
	if q := of[Quantized](events)[0]; q.FloatBytes < int64(4*of[RunStarted](events)[0].Weights) {
		t.Errorf("the int8 network is made of one of %d bytes", q.FloatBytes)
	}
}

// TestNamesOfCriteria: configs and prune name the same things.
func TestNamesOfCriteria(t *testing.T) {
	if !slices.Equal(configs.Criteria(), prune.Criteria()) || !slices.Equal(configs.ChannelCriteria(), prune.ChannelCriteria()) {
		t.Error("criteria have other names")
	}
	if !slices.Equal(configs.Scopes(), append(prune.Scopes(), configs.BySensitivity)) {
		t.Error("scopes have other names")
	}
}
