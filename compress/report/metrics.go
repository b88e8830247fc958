package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"espalier/compress/pipeline"
)

// A metric is one number of a run.
type metric struct {
	tag   string // as "validation/top1"
	value float64
}

// A moment is what one event tells in numbers.
type moment struct {
	time    time.Time
	step    int // global
	stage   string
	round   int
	metrics []metric
}

// tags are all metrics, in the order of the columns of metrics.csv. Top-1 values
// and sparsities are fractions.
var tags = []string{
	"step/loss", "step/learning_rate", "step/images_per_second",
	"epoch/train_loss", "epoch/train_top1", "epoch/validation_loss", "epoch/validation_top1",
	"validation/loss", "validation/top1", "test/loss", "test/top1",
	"round/target", "round/sparsity", "round/drop", "round/passed",
	"calibration/images", "calibration/top1", "calibration/fp32_top1",
	"cost/milliseconds", "cost/bytes", "cost/sparse_bytes", "cost/macs", "cost/effective_macs",
}

// moments reads a journal in numbers.
func moments(folder pipeline.Folder, see func(moment) error) error {
	step := 0
	return pipeline.ReadJournal(folder.Journal(), func(e pipeline.Event) error {
		m := moment{time: e.Time}
		switch b := e.Body.(type) {
		case pipeline.StepDone:
			step = b.GlobalStep
			m.stage, m.round = b.Stage, b.Round
			m.metrics = []metric{{"step/loss", float64(b.Loss)}, {"step/learning_rate", b.LearningRate}, {"step/images_per_second", b.ImagesPerSec}}
		case pipeline.EpochDone:
			m.stage, m.round = b.Stage, b.Round
			m.metrics = []metric{{"epoch/train_loss", float64(b.TrainLoss)}, {"epoch/train_top1", b.TrainTop1}}
			if b.ValCount > 0 {
				m.metrics = append(m.metrics, metric{"epoch/validation_loss", float64(b.ValLoss)}, metric{"epoch/validation_top1", b.ValTop1})
			}
		case pipeline.Evaluated:
			m.stage, m.round = b.What, b.Round
			m.metrics = []metric{{b.Split + "/loss", float64(b.Loss)}, {b.Split + "/top1", b.Top1}}
		case pipeline.RoundDone:
			passed := 0.0
			if b.Passed {
				passed = 1
			}
			m.stage, m.round = "round", b.Round
			m.metrics = []metric{{"round/target", b.Target}, {"round/sparsity", b.Sparsity}, {"round/drop", b.Drop}, {"round/passed", passed}}
		case pipeline.CalibrationPoint:
			m.stage = pipeline.StageSweep
			m.metrics = []metric{{"calibration/images", float64(b.Images)}, {"calibration/top1", b.Top1}, {"calibration/fp32_top1", b.Float}}
		case pipeline.Cost:
			m.stage, m.round = "cost", b.Round
			if s, ok := b.Fastest(1, 1); ok {
				m.metrics = []metric{{"cost/milliseconds", 1e3 * s.Seconds}}
			}
			m.metrics = append(m.metrics, metric{"cost/bytes", float64(b.Bytes)}, metric{"cost/sparse_bytes", float64(b.SparseBytes)},
				metric{"cost/macs", float64(b.MACs)}, metric{"cost/effective_macs", float64(b.EffectiveMACs)})
		default:
			return nil
		}
		m.step = step
		return see(m)
	})
}

// WriteCSV writes a run's numbers as a table: a line for each event that has
// some, a column for each metric, empty where the event does not tell it. A value
// that is not finite is NaN, +Inf or -Inf.
func WriteCSV(w io.Writer, folder pipeline.Folder) error {
	out := csv.NewWriter(w)
	head := append([]string{"time", "global_step", "stage", "round"}, tags...)
	out.Write(head) // Flush tells of the first error
	err := moments(folder, func(m moment) error {
		row := make([]string, len(head))
		row[0], row[1], row[2], row[3] = m.time.UTC().Format(time.RFC3339Nano), strconv.Itoa(m.step), m.stage, strconv.Itoa(m.round)
		for _, x := range m.metrics {
			i := slices.Index(tags, x.tag)
			if i < 0 {
				return fmt.Errorf("metric %s has no column", x.tag)
			}
			row[4+i] = strconv.FormatFloat(x.value, 'g', -1, 64)
		}
		return out.Write(row)
	})
	if err != nil {
		return err
	}
	out.Flush()
	return out.Error()
}
