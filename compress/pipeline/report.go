package pipeline

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"espalier/configs"
	"espalier/internal/atomicfile"
	"espalier/internal/plural"
)

// A Result is a run's outcome for other programs: the content of result.json.
type Result struct {
	Schema     int                `json:"schema"`
	Name       string             `json:"name"`
	Experiment string             `json:"experiment"`
	Dataset    string             `json:"dataset"`
	Network    string             `json:"network"`
	Seed       uint64             `json:"seed"`
	Kernel     string             `json:"kernel"`
	Threads    int                `json:"threads"`
	Planned    int64              `json:"training_bytes"`
	Gate       string             `json:"gate"`
	Begun      time.Time          `json:"begun"`
	Outcome    RunDone            `json:"outcome"`
	Rounds     []RoundDone        `json:"rounds"`
	Quantized  *Quantized         `json:"quantized"` // null when not reached
	Points     []CalibrationPoint `json:"calibration_points"`
	Costs      []Cost             `json:"costs"`
	Decisions  []Decided          `json:"decisions"`
	Notes      []Note             `json:"notes"`
	Journal    string             `json:"journal_sha256"` // of its canonical part, without the last event
}

// WriteReport writes a run's result and report, with charts, into its folder
// and returns the files' names. The run need not be over.
func WriteReport(folder Folder) ([]string, error) {
	state, err := ReadState(folder)
	if err != nil {
		return nil, err
	}
	if state.Started == nil {
		return nil, fmt.Errorf("run %s has not begun: there is nothing to report", folder.Name())
	}
	e, err := folder.LoadExperiment()
	if err != nil {
		return nil, err
	}
	return writeReport(folder, e, &state)
}

func writeReport(folder Folder, e configs.Experiment, s *State) ([]string, error) {
	hash, err := JournalHash(folder)
	if err != nil {
		return nil, err
	}
	settings, err := e.YAML()
	if err != nil {
		return nil, err
	}
	var files []string
	write := func(name string, content []byte) error {
		err := atomicfile.Write(folder.Path(name), func(w io.Writer) error {
			_, err := w.Write(content)
			return err
		})
		if err == nil {
			files = append(files, name)
		}
		return err
	}
	result := Result{
		Schema: Schema, Name: s.Started.Name, Experiment: s.Started.Experiment, Dataset: s.Dataset(), Network: s.Started.Network,
		Seed: s.Started.Seed, Kernel: s.Started.Kernel, Threads: s.Started.Threads, Planned: s.Planned, Gate: s.Gate(),
		Begun: s.Begun.UTC(), Rounds: s.Rounds, Quantized: s.Quantized, Points: s.Points,
		Costs: s.Costs, Decisions: s.Decisions, Notes: s.Notes, Journal: hash,
	}
	if s.Done != nil {
		result.Outcome = *s.Done
	}
	document, err := json.MarshalIndent(result, "", "  ")
	if err != nil {
		return nil, err
	}
	if err := write("result.json", append(document, '\n')); err != nil {
		return files, err
	}
	var images []string
	for _, c := range charts(s) {
		picture, err := c.png()
		if err != nil {
			return files, fmt.Errorf("draw %s: %w", c.file, err)
		}
		if err := write(c.file, picture); err != nil {
			return files, err
		}
		images = append(images, c.file)
	}
	var text bytes.Buffer
	markdown(&text, s, settings, hash, images)
	return files, write("report.md", text.Bytes())
}

// markdown writes a run's tables, charts and settings. Images are the names of
// the charts' pictures, which are shown beside the text charts.
func markdown(w io.Writer, s *State, settings []byte, hash string, images []string) {
	heading(w, s)
	decisions(w, s)
	sensitivityTables(w, s)
	channelTables(w, s)
	roundTable(w, s)
	quantizedTable(w, s)
	repairTable(w, s)
	pointTable(w, s)
	raceTable(w, s)
	costTable(w, s)
	for i, c := range charts(s) {
		fmt.Fprintf(w, "\n## %s\n\n```text\n%s\n```\n", c.title, c.text())
		if i < len(images) {
			fmt.Fprintf(w, "\n![%s](%s)\n", c.title, images[i])
		}
	}
	if len(s.Problems) > 0 {
		fmt.Fprint(w, "\n## Warnings\n\n")
		for _, p := range s.Problems {
			fmt.Fprintf(w, "- %s\n", p.Text)
		}
	}
	if len(s.Notes) > 0 {
		fmt.Fprint(w, "\n## Notes\n\n")
		for _, n := range s.Notes {
			fmt.Fprintf(w, "- step %d: %s\n", n.GlobalStep, n.Text)
		}
	}
	fmt.Fprintf(w, "\n## Settings\n\n```yaml\n%s```\n", settings)
	fmt.Fprintf(w, "\nSHA-256 of the journal without times, names and rates: `%s`. A run with the same settings and kernel has the same.\n", hash)
}

func heading(w io.Writer, s *State) {
	b := s.Started
	fmt.Fprintf(w, "# %s\n\n", b.Name)
	fmt.Fprintf(w, "Experiment `%s`: %s on **%s**, %s weights, seed %d, kernel %s, %s.", b.Experiment, b.Network, s.Dataset(), plural.Thousands(b.Weights), b.Seed, b.Kernel, plural.Count(b.Threads, "thread"))
	fmt.Fprintf(w, " Begun %s.", s.Begun.UTC().Format("2006-01-02 15:04 UTC"))
	if s.Planned > 0 {
		fmt.Fprintf(w, " Training takes %s of memory.", megabytes(s.Planned))
	}
	if s.Outlook != nil {
		fmt.Fprintf(w, " Before its first step it expected to take %s.", Duration(s.Outlook.Seconds))
	}
	if s.Continued > 0 {
		fmt.Fprintf(w, " Continued %s after an interruption.", plural.Count(s.Continued, "time"))
	}
	d := s.Done
	if d == nil {
		fmt.Fprint(w, "\n\nThe run is not over.\n")
		return
	}
	fmt.Fprintf(w, " It worked for %s", Duration(d.Seconds))
	switch d.Standing() {
	case StandingDone:
		fmt.Fprint(w, ".\n")
	default:
		fmt.Fprintf(w, " and ended as %s: %s.\n", d.Standing(), strings.TrimSuffix(d.Reason, "."))
	}
	if d.Dense > 0 {
		fmt.Fprintf(w, "\nTop-1 on the test split: dense %s, at %s sparsity of all weights %s", Percent(d.Dense), Percent(d.Sparsity), Percent(d.Top1))
		if s.Quantized != nil {
			fmt.Fprintf(w, ", in int8 %s", Percent(d.Int8))
		}
		fmt.Fprint(w, ".\n")
	}
}

// decisions lists what was decided, but for rounds that just passed.
func decisions(w io.Writer, s *State) {
	told := slices.DeleteFunc(slices.Clone(s.Decisions), func(d Decided) bool { return d.Action == Accept && d.By == ByGate })
	if len(told) == 0 {
		return
	}
	fmt.Fprint(w, "\n## Decisions\n\n")
	for _, d := range told {
		fmt.Fprintf(w, "- %s\n", d.Text)
	}
}

func roundTable(w io.Writer, s *State) {
	if len(s.Rounds) == 0 {
		return
	}
	fmt.Fprintf(w, "\n## Pruning\n\nTarget: share of the ranked weights. Sparsity: share of all %s weights. Top-1 on the test split. Gate: %s.\n\n", plural.Thousands(s.Started.Weights), s.Gate())
	fmt.Fprint(w, "| round | target | sparsity | top-1 | against dense | epochs | seconds | gate | checkpoint (SHA-256) |\n|---:|---:|---:|---:|---:|---:|---:|---|---|\n")
	for _, r := range s.Rounds {
		verdict := "passed"
		if !r.Passed {
			verdict = "**failed**: " + r.Reason
		}
		checkpoint := "–"
		if r.Checkpoint != "" {
			checkpoint = fmt.Sprintf("`%s` (%.12s)", r.Checkpoint, r.Hash)
		}
		fmt.Fprintf(w, "| %d | %s | %s | %s | %s | %s | %.0f | %s | %s |\n", r.Round, Percent(r.Target), Percent(r.Sparsity), Percent(r.Top1), Points(-r.Drop), plural.Number(r.Epochs), r.Seconds, verdict, checkpoint)
	}
}

func quantizedTable(w io.Writer, s *State) {
	q := s.Quantized
	if q == nil {
		return
	}
	fmt.Fprint(w, "\n## Quantization\n\nTop-1 on the test split.\n\n| recipe | observer | images | fp32 top-1 | int8 top-1 | difference | fp32 bytes | int8 bytes |\n|---|---|---:|---:|---:|---:|---:|---:|\n")
	fmt.Fprintf(w, "| %s | %s | %s | %s | %s | %s | %s | %s |\n", q.Recipe, q.Observer, plural.Thousands(q.Images), Percent(q.Float), Percent(q.Top1), Points(q.Top1-q.Float), plural.Thousands(q.FloatBytes), plural.Thousands(q.Int8Bytes))
}

func pointTable(w io.Writer, s *State) {
	sizes := Spreads(s.Points)
	if len(sizes) == 0 {
		return
	}
	fmt.Fprint(w, "\n## Calibration sweep\n\nTop-1 of the int8 network on the test split against the number of training images it was calibrated on.\n\n")
	fmt.Fprint(w, "| observer | images | int8 top-1 | against fp32 | draws | standard deviation |\n|---|---:|---:|---:|---:|---:|\n")
	for _, m := range sizes {
		fmt.Fprintf(w, "| %s | %s | %s | %s | %d | %s |\n", m.Observer, plural.Thousands(m.Images), Percent(m.Mean), Points(m.Mean-m.Float), m.Draws, m.DeviationText())
	}
}

// raceTable lists the range of each activation by every observer of the sweep.
func raceTable(w io.Writer, s *State) {
	if s.Race == nil || len(s.Race.observers()) == 0 {
		return
	}
	names := s.Race.observers()
	fmt.Fprintf(w, "\n## Observers\n\nThe range that each observer finds for the same values: the activations of the first %s of the sweep's first draw.\n\n", plural.Count(s.Race.Images, "image"))
	fmt.Fprintf(w, "| activation | %s |\n|---|%s\n", strings.Join(names, " | "), strings.Repeat("---:|", len(names)))
	for _, a := range s.Race.Activations {
		fmt.Fprintf(w, "| %s |", a.Point)
		for _, r := range a.Ranges {
			fmt.Fprintf(w, " %s to %s |", minus(fmt.Sprintf("%.4g", r.Min)), minus(fmt.Sprintf("%.4g", r.Max)))
		}
		fmt.Fprintln(w)
	}
}

func costTable(w io.Writer, s *State) {
	if len(s.Costs) == 0 {
		return
	}
	c := s.Costs[0]
	fmt.Fprintf(w, "\n## Costs\n\nMACs are multiply-adds of one image (FLOPs are 2 × MACs), effective those whose weight is not zero. Times are medians of one image in the quickest form, on %s, kernel %s.\n\n", c.Machine, c.Kernel)
	fmt.Fprint(w, "| network | top-1 | non-zero weights | MACs | effective | kB | without zeros | zstd | form | ms, 1 thread | ms, all | images/s at 128 |\n|---|---:|---:|---:|---:|---:|---:|---:|---|---:|---:|---:|\n")
	for _, c := range s.Costs {
		one, _ := c.Fastest(1, 1)
		all, _ := c.Fastest(1, 0)
		rate := "–"
		if batch, ok := c.Fastest(128, 0); ok {
			rate = plural.Thousands(int(128 / batch.Seconds))
		}
		fmt.Fprintf(w, "| %s | %s | %s | %.2f M | %.2f M | %.1f | %.1f | %.1f | %s | %.3f | %.3f | %s |\n", c.Name(), Percent(c.Top1), plural.Thousands(c.NonZero),
			float64(c.MACs)/1e6, float64(c.EffectiveMACs)/1e6, float64(c.Bytes)/1e3, float64(c.SparseBytes)/1e3, float64(c.ZstdBytes)/1e3, one.Form, 1e3*one.Seconds, 1e3*all.Seconds, rate)
	}
	for _, c := range s.Costs {
		for _, note := range c.Notes {
			fmt.Fprintf(w, "\n%s: %s.\n", c.Name(), note)
		}
	}
}
