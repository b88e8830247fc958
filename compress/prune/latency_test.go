package prune

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"espalier/model"
	"espalier/model/kernel"
)

// simulated returns a table of a machine whose layers take a nanosecond for 16
// multiply-adds and a microsecond beside, and whose networks take longer than
// their layers: by a third, and 50 µs.
func simulated(t *testing.T) (table *LatencyTable, layers *int) {
	e := model.NewEngine(kernel.All()[0], 1, model.Auto)
	t.Cleanup(e.Close)
	table, layers = NewLatencyTable("a simulation", e), new(int)
	table.layerAlone = func(op model.Op, in model.Shape) (float64, error) {
		*layers++
		b := model.NewBuilder("", in)
		n := b.Add("layer", op, b.Input())
		return 1e-6 + float64(n.MACs())/16e9, nil
	}
	table.network = func(ctx context.Context, g *model.Graph, runs int) (float64, error) {
		seconds := 50e-6
		for _, l := range g.Layers() {
			seconds += 4. / 3 * (1e-6 + float64(l.MACs())/16e9)
		}
		return seconds, ctx.Err()
	}
	return table, layers
}

// TestLatencyAcrossAJump searches where the full width of one group costs the network
// a fifth more than the table says. A few of the times asked for lie in gaps between
// all networks.
func TestLatencyAcrossAJump(t *testing.T) {
	g := network(t)
	c := GroupChannels(g)
	scores, err := c.Scores(Scoring{Criterion: L2, Normalise: ByMean})
	if err != nil {
		t.Fatal(err)
	}
	table, _ := simulated(t)
	smooth := table.network
	searches, missed := 0, 0
	for _, group := range c.Groups {
		member := group.Members[0].Node.Name
		table.network = func(ctx context.Context, g *model.Graph, runs int) (float64, error) {
			seconds, err := smooth(ctx, g, runs)
			if g.Node(member).Shape.C == group.Size {
				seconds *= 1.2
			}
			return seconds, err
		}
		dense, err := table.network(context.Background(), g, 1)
		if err != nil {
			t.Fatal(err)
		}
		for share := 0.5; share < 0.95; share += 0.02 {
			goal := LatencyGoal{Seconds: share * dense, Tolerance: 0.03, Runs: 1}
			_, tried, err := c.ChooseLatency(context.Background(), scores, goal, DefaultLimits(), table, nil)
			if err != nil {
				t.Fatal(err)
			}
			searches++
			if got := tried[len(tried)-1].Network; math.Abs(got/goal.Seconds-1) > goal.Tolerance {
				missed++
			}
		}
	}
	if missed > searches/25 {
		t.Errorf("%d of %d searches missed the time by more than 3 %%", missed, searches)
	}
}

// TestLatencyIsMet searches for several times on one network, and wants the search
// to measure no layer twice.
func TestLatencyIsMet(t *testing.T) {
	g := network(t)
	c := GroupChannels(g)
	scores, err := c.Scores(Scoring{Criterion: L2, Normalise: ByMean})
	if err != nil {
		t.Fatal(err)
	}
	table, layers := simulated(t)
	reach, err := c.Reach(context.Background(), DefaultLimits(), table, 1)
	if err != nil {
		t.Fatal(err)
	}
	if s, m, d := reach.Smallest, reach.Middle, reach.Dense; !(s.Network < m.Network && m.Network < d.Network && s.Size.MACs < m.Size.MACs && d.Size.MACs == g.MACs()) {
		t.Errorf("smallest %+v, middle %+v, dense %+v", s, m, d)
	}
	for _, share := range []float64{0.9, 0.75, 0.6, 0.5} {
		goal := LatencyGoal{Seconds: share * reach.Dense.Network, Tolerance: 0.03, Runs: 1}
		keep, tried, err := c.ChooseLatency(context.Background(), scores, goal, DefaultLimits(), table, nil)
		if err != nil {
			t.Errorf("%v of the dense network's time: %v", share, err)
			continue
		}
		small, err := c.Slice(keep)
		if err != nil {
			t.Fatal(err)
		}
		got, err := table.network(context.Background(), small, 1)
		if err != nil {
			t.Fatal(err)
		}
		if off := got/goal.Seconds - 1; math.Abs(off) > 0.03 || got != tried[len(tried)-1].Network {
			t.Errorf("asked %.1f µs, got %.1f µs in %d attempts, the last of which is %+v", 1e6*goal.Seconds, 1e6*got, len(tried), tried[len(tried)-1])
		}
		for i, n := range keep.Counts() {
			if n%16 != 0 {
				t.Errorf("%d channels of %s stay", n, c.Groups[i].Name)
			}
		}
	}
	if *layers != len(table.Layers) || *layers > 60 {
		t.Errorf("%d layers were measured for a table of %d", *layers, len(table.Layers))
	}
	for _, seconds := range []float64{0.9 * reach.Smallest.Network, 1.1 * reach.Dense.Network} {
		if _, _, err := c.ChooseLatency(context.Background(), scores, LatencyGoal{seconds, 0.03, 1}, DefaultLimits(), table, nil); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("takes %.3f ms and the dense one %.3f ms", 1e3*reach.Smallest.Network, 1e3*reach.Dense.Network)) {
			t.Errorf("%v s: error %v", seconds, err)
		}
	}
}

// TestLatencySearchIsInterrupted ends the context after so many layers, and wants no
// more measured than the network in progress.
func TestLatencySearchIsInterrupted(t *testing.T) {
	c := GroupChannels(network(t))
	for _, after := range []int{0, 3, 22} { // the last within the search proper
		table, layers := simulated(t)
		ctx, cancel := context.WithCancel(context.Background())
		measure := table.layerAlone
		table.layerAlone = func(op model.Op, in model.Shape) (float64, error) {
			if *layers+1 >= after {
				cancel()
			}
			return measure(op, in)
		}
		if after == 0 {
			cancel()
		}
		scores, err := c.Scores(Scoring{Criterion: L2, Normalise: ByMean})
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = c.ChooseLatency(ctx, scores, LatencyGoal{Seconds: 2.5e-3, Tolerance: 1e-6, Runs: 1}, DefaultLimits(), table, nil)
		if !errors.Is(err, context.Canceled) || *layers != after {
			t.Errorf("interrupted after %d layers: %v, and %d were measured", after, err, *layers)
		}
	}
	e := model.NewEngine(kernel.All()[0], 1, model.Auto)
	defer e.Close()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Latency(ctx, network(t), e, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("measuring a network goes on: %v", err)
	}
}

// TestLayersOfTheTable wants every layer measured in the widths that it is asked
// for.
func TestLayersOfTheTable(t *testing.T) {
	g := network(t)
	c := GroupChannels(g)
	table, _ := simulated(t)
	for _, counts := range [][]int{c.dense(), c.Without(make([][]float64, len(c.Groups)), 2, 0.4).Counts()} {
		if counts[0] != 16 {
			t.Fatal(counts)
		}
		counts[6] = 16 // layer2.1.conv1
		have, err := table.sum(context.Background(), c, counts)
		if err != nil {
			t.Fatal(err)
		}
		small, err := c.Slice(c.first(counts))
		if err != nil {
			t.Fatal(err)
		}
		want := 0.0
		for _, l := range small.Layers() {
			want += 1e-6 + float64(l.MACs())/16e9
		}
		if !(math.Abs(have/want-1) < 1e-9) {
			t.Errorf("%v: %v s, want %v", counts, have, want)
		}
	}
}

// TestLatencyTableIsKept writes a table and reads it, on this machine and on
// another.
func TestLatencyTableIsKept(t *testing.T) {
	table, _ := simulated(t)
	table.Layers["conv"] = 1e-6
	table.Networks["net"] = []Measured{{Layers: 1, Network: 2}}
	path := filepath.Join(t.TempDir(), "times.json")
	if err := table.Save(path); err != nil {
		t.Fatal(err)
	}
	e := model.NewEngine(kernel.All()[0], 1, model.Auto)
	defer e.Close()
	same, err := ReadLatencyTable(path, "a simulation", e)
	if err != nil || same.Layers["conv"] != 1e-6 || !slices.Equal(same.Networks["net"], table.Networks["net"]) {
		t.Errorf("%+v, %v", same, err)
	}
	other, err := ReadLatencyTable(path, "another machine", e)
	if err != nil || len(other.Layers) > 0 || !strings.HasPrefix(other.Machine, "another machine") {
		t.Errorf("%+v, %v", other, err)
	}
	if none, err := ReadLatencyTable(path+"x", "a simulation", e); err != nil || len(none.Layers) > 0 {
		t.Errorf("%+v, %v", none, err)
	}
}

// TestLayersAreMeasured measures real layers: a wider one takes longer.
func TestLayersAreMeasured(t *testing.T) {
	e := model.NewEngine(kernel.All()[0], 1, model.Auto)
	defer e.Close()
	conv := func(out, groups int) model.Op {
		return model.Conv{Out: out, Kernel: 3, Stride: 1, Padding: model.Pad2D(1), Groups: groups}
	}
	at := model.Shape{C: 16, H: 32, W: 32}
	narrow, err := timeLayer(e, conv(16, 1), at)
	if err != nil {
		t.Fatal(err)
	}
	wide, err := timeLayer(e, conv(256, 1), at)
	if err != nil {
		t.Fatal(err)
	}
	if !(narrow > 0 && wide > 3*narrow) {
		t.Errorf("16 channels take %v s, 256 %v s", narrow, wide)
	}
	for _, op := range []model.Op{conv(16, 16), conv(32, 2), model.Linear{Out: 10}} {
		in := at
		if _, ok := op.(model.Linear); ok {
			in = model.Shape{C: 64, H: 1, W: 1}
		}
		if s, err := timeLayer(e, op, in); err != nil || !(s > 0) {
			t.Errorf("%+v: %v s, %v", op, s, err)
		}
	}
}
