package plain

import (
	"fmt"
	"io"
	"strings"
	"time"

	"espalier/compress/pipeline"
)

// pace is the least time between two lines about steps or images.
const pace = 5 * time.Second

// Text prints events as lines, each with the time of day. Steps come many a
// second and are printed every few seconds.
type Text struct {
	w        io.Writer
	rounds   int       // of the run
	progress time.Time // of the last line about progress
}

// NewText returns a printer of lines.
func NewText(w io.Writer) *Text { return &Text{w: w} }

// Print writes the line of one event, if it has one.
func (t *Text) Print(e pipeline.Event) error {
	text := t.line(e)
	if text == "" {
		return nil
	}
	_, err := fmt.Fprintf(t.w, "%s  %s\n", e.Time.Format(time.TimeOnly), text)
	return err
}

// line puts an event into words; events that only a screen needs have none.
func (t *Text) line(e pipeline.Event) string {
	switch b := e.Body.(type) {
	case pipeline.RunStarted:
		t.rounds = len(b.Targets)
		return fmt.Sprintf("run %s: %s on %s, %d weights, %d MACs an image, seed %d, %d threads, kernel %s, gate: %s",
			b.Name, b.Network, b.Dataset, b.Weights, b.MACs, b.Seed, b.Threads, b.Kernel, b.Gate)
	case pipeline.StageStarted:
		t.progress = e.Time
		if b.Text != "" {
			return t.at(b.Round) + b.Stage + ": " + b.Text
		}
		return t.at(b.Round) + b.Stage
	case pipeline.StepDone:
		if !t.due(e.Time, b.Step == b.Steps) {
			return ""
		}
		return fmt.Sprintf("%s%s, epoch %d/%d, step %d/%d: loss %.4f, learning rate %.2g, %.0f images/s%s",
			t.at(b.Round), b.Stage, b.Epoch, b.Epochs, b.Step, b.Steps, b.Loss, b.LearningRate, b.ImagesPerSec, rest(b.Overall, b.Remaining))
	case pipeline.Progress:
		if !t.due(e.Time, false) {
			return ""
		}
		return fmt.Sprintf("%s%s: %d of %d %s%s", t.at(b.Round), b.Stage, b.Done, b.Total, b.Unit, rest(b.Overall, b.Remaining))
	case pipeline.EpochDone:
		text := fmt.Sprintf("%s%s, epoch %d/%d done: train loss %.4f, top-1 %s", t.at(b.Round), b.Stage, b.Epoch, b.Epochs, b.TrainLoss, percent(b.TrainTop1))
		if b.ValCount > 0 {
			text += fmt.Sprintf("; validation loss %.4f, top-1 %s", b.ValLoss, percent(b.ValTop1))
		}
		return text
	case pipeline.Evaluated:
		return fmt.Sprintf("%s%s on %s: top-1 %s (%d of %d), loss %.4f", t.at(b.Round), b.What, b.Split, percent(b.Top1), b.Correct, b.Total, b.Loss)
	case pipeline.RoundStarted:
		return fmt.Sprintf("%starget %s, edge layers %s, %d steps", t.at(b.Round), percent(b.Target), percent(b.Edge), b.Steps)
	case pipeline.Sparsity:
		return fmt.Sprintf("%ssparsity %s: %d of %d weights are zero%s", t.at(b.Round), percent(b.Sparsity), b.Zero, b.Total, dead(b.Layers))
	case pipeline.RoundDone:
		word := "passed"
		if !b.Passed {
			word = "stopped by the gate"
		}
		return fmt.Sprintf("%s%s: sparsity %s, top-1 %s, %+.2f points against dense, %s; %s",
			t.at(b.Round), word, percent(b.Sparsity), percent(b.Top1), -100*b.Drop, seconds(b.Seconds), b.Reason)
	case pipeline.CalibrationPoint:
		return fmt.Sprintf("int8 from %d images, draw %d, %s: top-1 %s, %+.2f points against fp32", b.Images, b.Draw, b.Observer, percent(b.Top1), 100*(b.Top1-b.Float))
	case pipeline.Quantized:
		return fmt.Sprintf("quantized by %s, %s on %d images: top-1 %s, fp32 %s; %d bytes instead of %d", b.Recipe, b.Observer, b.Images, percent(b.Top1), percent(b.Float), b.Int8Bytes, b.FloatBytes)
	case pipeline.Paused:
		return fmt.Sprintf("paused at step %d by %s%s", b.GlobalStep, b.Source, because(b.Reason))
	case pipeline.Resumed:
		return fmt.Sprintf("resumed at step %d by %s after %s", b.GlobalStep, b.Source, seconds(b.Seconds))
	case pipeline.Commanded:
		if b.Refused != "" {
			return fmt.Sprintf("%s from %s was refused: %s", b.Command.Do, b.Command.Source, b.Refused)
		}
	case pipeline.Continued:
		return fmt.Sprintf("goes on at step %d", b.GlobalStep)
	case pipeline.Saved:
		return fmt.Sprintf("saved %s: %s (%d bytes)", b.What, b.Path, b.Bytes)
	case pipeline.Log:
		if b.Level == "info" {
			return b.Text
		}
		return b.Level + ": " + b.Text
	case pipeline.Note:
		return fmt.Sprintf("note at step %d: %s", b.GlobalStep, b.Text)
	case pipeline.RunDone:
		return done(b)
	}
	return ""
}

// at names the round that an event belongs to.
func (t *Text) at(round int) string {
	if round == 0 {
		return ""
	}
	return fmt.Sprintf("round %d/%d, ", round, t.rounds)
}

// due reports whether a line about progress is to be printed, and notes it.
func (t *Text) due(now time.Time, last bool) bool {
	if !last && now.Sub(t.progress) < pace {
		return false
	}
	t.progress = now
	return true
}

func done(b pipeline.RunDone) string {
	text := fmt.Sprintf("run %s after %s%s", b.Status, seconds(b.Seconds), because(b.Reason))
	if b.Top1 > 0 {
		text += fmt.Sprintf("; sparsity %s, top-1 %s, dense %s", percent(b.Sparsity), percent(b.Top1), percent(b.Dense))
	}
	if b.Int8 > 0 {
		text += ", int8 " + percent(b.Int8)
	}
	return text
}

// dead tells of channels that pruning left without a weight.
func dead(layers []pipeline.LayerSparsity) string {
	var parts []string
	for _, l := range layers {
		if l.DeadChannels > 0 {
			parts = append(parts, fmt.Sprintf("%d in %s", l.DeadChannels, l.Name))
		}
	}
	if parts == nil {
		return ""
	}
	return "; dead channels: " + strings.Join(parts, ", ")
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}

// rest says how far the whole run is; remaining is 0 while unknown.
func rest(overall, remaining float64) string {
	text := fmt.Sprintf("; %.0f %% of the run", 100*overall)
	if remaining > 0 {
		text += ", " + seconds(remaining) + " left"
	}
	return text
}

func percent(share float64) string { return fmt.Sprintf("%.2f %%", 100*share) }

func seconds(s float64) string {
	return time.Duration(s * float64(time.Second)).Round(time.Second).String()
}
