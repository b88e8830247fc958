package report

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/hex"
	"fmt"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"espalier/compress/pipeline"
	"espalier/configs"
)

// finished is a run that the tests read.
var finished = sync.OnceValues(func() (pipeline.Folder, error) {
	return compute("<i>run</i> & more", "cost.measure=true", "sweep.draws=2")
})

func compute(name string, set ...string) (pipeline.Folder, error) {
	root, err := os.MkdirTemp("", "report")
	if err != nil {
		return "", err
	}
	e, err := configs.Load("smoke", append([]string{"data.train=64", "data.test=48", "data.validation=32", "dense.epochs=1.5", "dense.batch=16",
		"fine_tune.batch=16", "quantize.images=8", "sweep.sizes=[1, 5]"}, set...))
	if err != nil {
		return "", err
	}
	r, err := pipeline.Create(root, strings.NewReplacer("<", "", ">", "", "/", "", " ", "-", "&", "").Replace(name), e)
	if err != nil {
		return "", err
	}
	defer r.Close()
	_, err = r.Do(context.Background(), pipeline.Parts{})
	return r.Folder, err
}

func TestMain(m *testing.M) {
	code := m.Run()
	if f, err := finished(); err == nil {
		os.RemoveAll(f.Path(".."))
	}
	os.Exit(code)
}

func folder(t *testing.T) pipeline.Folder {
	t.Helper()
	f, err := finished()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestHTML: the page says everything, needs nothing outside itself and no
// script, and is small.
func TestHTML(t *testing.T) {
	var b bytes.Buffer
	if err := WriteHTML(&b, folder(t)); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, id := range []string{"pruning", "training", "sparsity", "quantization", "scales", "costs", "pareto", "network", "environment", "settings"} {
		if !strings.Contains(page, `<section id="`+id+`">`) {
			t.Errorf("no section %s", id)
		}
	}
	selfContained(t, page)
	if len(page) > 300_000 {
		t.Errorf("the page has %d bytes", len(page))
	}
	if n := strings.Count(page, "<svg"); n < 7 {
		t.Errorf("%d drawings", n)
	}
	for _, bad := range []string{"NaN", "+Inf", "%!"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page has %s", bad)
		}
	}
}

func selfContained(t *testing.T, page string) {
	t.Helper()
	for _, bad := range []string{"<script", "http:", "https:", "src=", "url(", "@import", "<link"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
	// Every element is closed.
	open := map[string]int{}
	for _, tag := range regexp.MustCompile(`<(/?)([a-z0-9]+)[^>]*?(/?)>`).FindAllStringSubmatch(page, -1) {
		switch {
		case tag[1] == "/":
			open[tag[2]]--
		case tag[3] == "" && tag[2] != "meta":
			open[tag[2]]++
		}
	}
	for name, n := range open {
		if n != 0 {
			t.Errorf("%d of <%s> are not closed", n, name)
		}
	}
}

// TestEscapes: names are text, wherever they come from.
func TestEscapes(t *testing.T) {
	const evil = `<script>alert("1")</script>&`
	r := &run{state: pipeline.State{
		Started: &pipeline.RunStarted{Name: evil, Experiment: evil, Network: evil, Gate: evil, Layers: []pipeline.LayerInfo{{Name: evil}}},
		Notes:   []pipeline.Note{{Text: evil}}, Problems: []pipeline.Log{{Level: "warn", Text: evil}},
		Costs: []pipeline.Cost{{What: evil, Notes: []string{evil}, Machine: evil}, {What: "dense", Top1: 0.5, MACs: 7}},
	}, settings: evil, scales: map[string]pipeline.Scales{evil: {Layer: evil, Channels: []pipeline.ChannelScale{{Scale: 1}}}}}
	var b bytes.Buffer
	if err := r.page().write(&b); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "<script") {
		t.Error("a name became markup")
	}
	selfContained(t, b.String())
}

// TestFailedRun: a run that could not begin has a page that says why.
func TestFailedRun(t *testing.T) {
	f, err := compute("fails", "data.set=folder", "data.path=/there/is/no/such/folder")
	if f == "" {
		t.Fatal(err)
	}
	defer os.RemoveAll(f.Path(".."))
	var b bytes.Buffer
	if err := WriteHTML(&b, f); err != nil {
		t.Fatal(err)
	}
	if page := b.String(); !strings.Contains(page, "no such") || !strings.Contains(page, `class="status bad"`) || strings.Contains(page, `id="pruning"`) {
		t.Errorf("%s", page)
	}
	selfContained(t, b.String())
}

// TestManyRounds: 200 rounds and 70,000 steps still fit.
func TestManyRounds(t *testing.T) {
	r := &run{state: pipeline.State{Started: &pipeline.RunStarted{Name: "many"}}}
	for i := range 70_000 {
		r.steps.add(float64(i+1), 1+math.Sin(float64(i)))
	}
	for i := 1; i <= 200; i++ {
		share := float64(i) / 210
		r.state.Rounds = append(r.state.Rounds, pipeline.RoundDone{Round: i, Target: share, Sparsity: share, Top1: 0.9, Passed: true, Reason: "r", Checkpoint: fmt.Sprintf("checkpoints/round-%d.safetensors", i), Hash: strings.Repeat("a", 64)})
		r.epochs = append(r.epochs, pipeline.EpochDone{Round: i, Epoch: 1, GlobalStep: 350 * i, ValCount: 1, ValLoss: 1, ValTop1: 0.9})
		s := pipeline.Sparsity{Round: i, Sparsity: share}
		for l := range 20 {
			s.Layers = append(s.Layers, pipeline.LayerSparsity{Name: fmt.Sprintf("layer%d", l), Zero: i, Total: 210})
		}
		r.sparsities = append(r.sparsities, s)
		c := pipeline.Cost{What: "pruned", Round: i, Top1: 0.9, MACs: 100, EffectiveMACs: int64(300 - i), SparseBytes: int64(1000 - i), Notes: []string{"sparsity does not pay"}}
		c.Speeds = []pipeline.Speed{{Form: "fp32", Batch: 1, Threads: 1, Seconds: 1e-3}}
		r.state.Costs = append(r.state.Costs, c)
	}
	var b bytes.Buffer
	if err := r.page().write(&b); err != nil {
		t.Fatal(err)
	}
	if b.Len() > 300_000 {
		t.Errorf("the page has %d bytes", b.Len())
	}
	if n := strings.Count(b.String(), "sparsity does not pay"); n != 1 {
		t.Errorf("the note stands there %d times", n)
	}
	selfContained(t, b.String())
}

func TestComparison(t *testing.T) {
	other, err := compute("other", "cost.measure=true", "prune.targets=[0.5, 0.9]", "seed=2")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(other.Path(".."))
	var b bytes.Buffer
	if err := WriteComparison(&b, []pipeline.Folder{folder(t), other}); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, want := range []string{"prune.targets", "changed", "within the noise", "million effective MACs"} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is missing", want)
		}
	}
	selfContained(t, page)
}

// TestVerdict: 1.96 standard errors of the difference of two shares of 10,000
// images near 90 % are 0.82 points.
func TestVerdict(t *testing.T) {
	accuracy := measure{}
	at := func(top1 float64) reached { return reached{value: top1, images: 10_000} }
	time := measure{less: true}
	took := func(low, high float64) reached { return reached{value: (low + high) / 2, low: low, high: high} }
	for _, c := range []struct {
		m          measure
		base, have reached
		want       string
	}{
		{accuracy, at(0.90), at(0.908), "within the noise of ±0.82"},
		{accuracy, at(0.90), at(0.909), "better: +0.90 points"},
		{accuracy, at(0.90), at(0.89), "worse: −1.00 points"},
		{time, took(1, 2), took(1.9, 3), "within the noise"},
		{time, took(2, 3), took(1, 1.5), "better: 0.50 times"},
		{measure{free: true}, reached{value: 0.8, exact: true}, reached{value: 0.4, exact: true}, "0.50 times"},
		{time, reached{where: "a"}, reached{where: "b"}, "not comparable"},
	} {
		if have := c.m.verdict(c.base, c.have); !strings.Contains(have.Text, c.want) {
			t.Errorf("%+v and %+v: %q, want %q", c.base, c.have, have.Text, c.want)
		}
	}
}

func TestCSV(t *testing.T) {
	var b bytes.Buffer
	if err := WriteCSV(&b, folder(t)); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	column := map[string]int{}
	for i, name := range rows[0] {
		column[name] = i
	}
	state, err := pipeline.ReadState(folder(t))
	if err != nil {
		t.Fatal(err)
	}
	var steps, costs int
	var last string
	for _, row := range rows[1:] {
		if row[column["step/loss"]] != "" {
			steps++
		}
		if row[column["cost/bytes"]] != "" {
			costs++
		}
		if v := row[column["round/sparsity"]]; v != "" {
			last = v
		}
	}
	if want := state.Rounds[len(state.Rounds)-1].Sparsity; last != strconv.FormatFloat(want, 'g', -1, 64) || steps != state.GlobalStep || costs != 4 {
		t.Errorf("%d steps of %d, %d costs, sparsity %s, want %g", steps, state.GlobalStep, costs, last, want)
	}
}

// TestTensorBoard reads the event file back by the format's definition.
func TestTensorBoard(t *testing.T) {
	path, err := WriteTensorBoard(t.TempDir(), folder(t))
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// Every event file of TensorFlow begins with these bytes: a record of 24 bytes,
	// and the masked checksum of that length.
	if have := hex.EncodeToString(file[:12]); have != "1800000000000000a37f4b22" {
		t.Errorf("the file begins with %s", have)
	}
	values := map[string][]float32{}
	for len(file) > 0 {
		n, _ := protowire.ConsumeFixed64(file)
		data := file[12 : 12+n]
		sum, _ := protowire.ConsumeFixed32(file[12+n:])
		if masked(data) != sum {
			t.Fatal("a record has another checksum")
		}
		file = file[16+n:]
		each(t, data, func(field protowire.Number, v []byte) {
			if field == 5 {
				each(t, v, func(_ protowire.Number, v []byte) {
					var tag string
					each(t, v, func(field protowire.Number, v []byte) {
						if field == 1 {
							tag = string(v)
						} else {
							bits, _ := protowire.ConsumeFixed32(v)
							values[tag] = append(values[tag], math.Float32frombits(bits))
						}
					})
				})
			}
		})
	}
	state, err := pipeline.ReadState(folder(t))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(values["step/loss"]); n != state.GlobalStep {
		t.Errorf("%d losses of %d steps", n, state.GlobalStep)
	}
	if s := values["round/sparsity"]; len(s) != 2 || s[1] != float32(state.Rounds[1].Sparsity) {
		t.Errorf("sparsities %v", s)
	}
}

// each visits the fields of a message; numbers are left as their bytes.
func each(t *testing.T, message []byte, see func(protowire.Number, []byte)) {
	t.Helper()
	for len(message) > 0 {
		field, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			t.Fatal("not a message")
		}
		message = message[n:]
		size := protowire.ConsumeFieldValue(field, kind, message)
		if size < 0 {
			t.Fatal("not a field")
		}
		value := message[:size]
		if kind == protowire.BytesType {
			value, _ = protowire.ConsumeBytes(message)
		}
		see(field, value)
		message = message[size:]
	}
}

func TestThin(t *testing.T) {
	var c curve
	for i := range 1000 {
		c.add(float64(i), float64(i%10))
	}
	c.y[5] = math.NaN()
	x, mean, low, high := thin(c.x, c.y, 100)
	if len(x) != 100 || mean[50] != 4.5 || low[50] != 0 || high[50] != 9 || math.IsNaN(mean[0]) {
		t.Errorf("%d points, %v %v %v, %v", len(x), mean[50], low[50], high[50], mean[0])
	}
}

func TestTicks(t *testing.T) {
	for _, c := range [][2]float64{{0, 1}, {88.1, 91.7}, {-3, 12000}, {0.00012, 0.00019}} {
		if n := len(ticks(c[0], c[1])); n < 3 || n > 7 {
			t.Errorf("%d ticks from %g to %g", n, c[0], c[1])
		}
	}
}

// TestBySparsity: a run that took a smaller step after a failed one has a curve that
// does not turn back.
func TestBySparsity(t *testing.T) {
	r := &run{state: pipeline.State{
		Evaluations: []pipeline.Evaluated{{What: "dense", Split: "test", Top1: 0.9}},
		Rounds:      []pipeline.RoundDone{{Sparsity: 0.5, Top1: 0.8}, {Sparsity: 0.9, Top1: 0.1}, {Sparsity: 0.7, Top1: 0.7}},
	}}
	l := r.bySparsity("", "s1")
	if !slices.Equal(l.x, []float64{0, 50, 70, 90}) || !slices.Equal(l.y, []float64{90, 80, 70, 10}) {
		t.Errorf("%v, %v", l.x, l.y)
	}
}
