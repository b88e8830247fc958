package prune_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"espalier/compress/prune"
	"espalier/model"
)

// resnet20 returns a ResNet-20 with random weights.
func resnet20(t *testing.T) *model.Graph {
	t.Helper()
	g, err := model.ResNet(model.Arch{Depth: 20, Shortcut: model.Projection, Classes: 10})
	if err != nil {
		t.Fatal(err)
	}
	fill(g, 1)
	return g
}

func scores(t *testing.T, c *prune.Channels, criterion string) [][]float64 {
	t.Helper()
	s, err := c.Scores(prune.Scoring{Criterion: criterion, Normalise: prune.ByMean})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestBudgets wants budgets that are met, closely where any number of channels is
// allowed, under the limits.
func TestBudgets(t *testing.T) {
	for _, c := range []struct {
		name   string
		budget prune.Budget
		limits prune.Limits
		near   float64 // how much of the dense network may be left unused
	}{
		{"a third of the channels", prune.Budget{Share: 0.33}, prune.Limits{}, 0.002},
		{"half the multiply-adds", prune.Budget{MACs: 0.5}, prune.Limits{RoundTo: 1, Floor: 0.1}, 0.003},
		{"half the multiply-adds, rounded", prune.Budget{MACs: 0.5}, prune.DefaultLimits(), 0.05},
		{"half the multiply-adds of each layer", prune.Budget{MACs: 0.5}, prune.Limits{PerLayer: true}, 0.03},
		{"most parameters", prune.Budget{Parameters: 0.9}, prune.Limits{RoundTo: 4}, 0.02},
		{"a hundredth", prune.Budget{MACs: 0.01}, prune.Limits{}, 0.01},
	} {
		channels := prune.GroupChannels(resnet20(t))
		dense := channels.Size(channels.All().Counts())
		keep, err := channels.Choose(scores(t, channels, prune.L2), c.budget, c.limits)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		size := channels.Size(keep.Counts())
		left := 1 - float64(size.Channels)/float64(dense.Channels)
		want := c.budget.Share
		switch {
		case c.budget.MACs > 0:
			left, want = 1-float64(size.MACs)/float64(dense.MACs), c.budget.MACs
		case c.budget.Parameters > 0:
			left, want = 1-float64(size.Parameters)/float64(dense.Parameters), c.budget.Parameters
		}
		if left < want || left > want+c.near {
			t.Errorf("%s: %.4f is gone, want %.4f to %.4f", c.name, left, want, want+c.near)
		}
		for i, n := range keep.Counts() {
			g := channels.Groups[i]
			if n < g.Size && (c.limits.RoundTo > 1 && n%c.limits.RoundTo != 0 || float64(n) < c.limits.Floor*float64(g.Size)) {
				t.Errorf("%s: %d of %d channels of %s stay", c.name, n, g.Size, g.Name)
			}
		}
		if c.limits.PerLayer {
			for i, n := range keep.Counts() {
				if share := float64(n) / float64(channels.Groups[i].Size); math.Abs(share-float64(keep.Counts()[0])/16) > 1.0/16 {
					t.Errorf("%s: %.2f of %s stays, and %d of 16 of the first", c.name, share, channels.Groups[i].Name, keep.Counts()[0])
				}
			}
		}
	}
}

// TestChooseTakesTheLeast holds the choice to the scores within a group, and
// among groups where nothing is rounded.
func TestChooseTakesTheLeast(t *testing.T) {
	c := prune.GroupChannels(resnet20(t))
	s := scores(t, c, prune.L1)
	s[3] = nil // a group without scores stays
	keep, err := c.Choose(s, prune.Budget{Share: 0.4}, prune.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	largest, smallest := 0.0, math.Inf(1)
	for i, kept := range keep {
		for ch, stays := range kept {
			switch {
			case s[i] == nil:
				if !stays {
					t.Errorf("channel %d of a group without scores is gone", ch)
				}
			case stays:
				smallest = min(smallest, s[i][ch])
			default:
				largest = max(largest, s[i][ch])
			}
		}
	}
	if !(largest > 0 && largest <= smallest) {
		t.Errorf("a score of %v is gone, and one of %v stays", largest, smallest)
	}
	// Of equal channels the last goes first.
	for i := range s {
		s[i] = slices.Repeat([]float64{1}, c.Groups[i].Size)
	}
	keep, err = c.Choose(s, prune.Budget{Share: 0.3}, prune.Limits{PerLayer: true})
	if err != nil {
		t.Fatal(err)
	}
	for i, kept := range keep {
		if gone := slices.Index(kept, false); gone < 1 || slices.Contains(kept[gone:], true) {
			t.Errorf("of %d equal channels these stay: %v", c.Groups[i].Size, kept)
		}
	}
}

func TestChooseRefuses(t *testing.T) {
	c := prune.GroupChannels(resnet20(t))
	s := scores(t, c, prune.L1)
	for _, bad := range []struct {
		budget prune.Budget
		limits prune.Limits
		want   string
	}{
		{prune.Budget{}, prune.Limits{}, "want one budget"},
		{prune.Budget{Share: 0.5, MACs: 0.5}, prune.Limits{}, "want one budget"},
		{prune.Budget{MACs: 1}, prune.Limits{}, "want a share above 0 and below 1"},
		{prune.Budget{MACs: -0.5}, prune.Limits{}, "want a share above 0 and below 1"},
		{prune.Budget{MACs: 0.5}, prune.Limits{Floor: 1}, "a floor of 1"},
		{prune.Budget{MACs: 0.5}, prune.Limits{RoundTo: -1}, "rounded to -1"},
		{prune.Budget{MACs: 0.95}, prune.DefaultLimits(), "multiply-adds, but the smallest network has"},
	} {
		if _, err := c.Choose(s, bad.budget, bad.limits); err == nil || !strings.Contains(err.Error(), bad.want) {
			t.Errorf("%+v, %+v: error %v, want %q", bad.budget, bad.limits, err, bad.want)
		}
	}
}
