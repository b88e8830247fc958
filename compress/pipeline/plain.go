package pipeline

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"espalier/configs"
	"espalier/internal/finite"
	"espalier/internal/plural"
)

// heartbeat is the longest time without a line while work goes on.
const heartbeat = 15 * time.Second

// PrintPlain writes a run as lines for people: one for each round, epoch,
// measurement and log entry, and a heartbeat while training. It returns after
// the run's last event, or when ctx ends.
func PrintPlain(ctx context.Context, w io.Writer, s Source) error {
	p := plainPrinter{w: w}
	return follow(ctx, s, p.print)
}

// PrintJSON writes a run's events as the journal has them, one JSON object a
// line. It returns after the run's last event, or when ctx ends.
func PrintJSON(ctx context.Context, w io.Writer, s Source) error {
	lines := json.NewEncoder(w)
	return follow(ctx, s, func(e Event) error { return lines.Encode(e) })
}

// follow hands over a source's events until its run is over. If the run goes
// back to an earlier event, it starts again from the first.
func follow(ctx context.Context, s Source, see func(Event) error) error {
	var after int64
	back := 0
	for {
		if r, ok := s.(*Replay); ok && r.Rewound() != back {
			after, back = 0, r.Rewound()
		}
		events := s.Since(after, 1024)
		for _, e := range events {
			if err := see(e); err != nil {
				return fmt.Errorf("print events: %w", err)
			}
			if _, over := e.Body.(RunDone); over {
				return nil
			}
			after = e.Seq
		}
		if r, ok := s.(*Replay); len(events) > 0 || ok && r.Rewound() != back {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.Changed():
		}
	}
}

// A plainPrinter turns events into lines.
type plainPrinter struct {
	w    io.Writer
	last time.Time // of the last line
}

func (p *plainPrinter) print(e Event) error {
	text := line(e.Body)
	if text == "" {
		// The printer must not fall silent if the clock is set back.
		if since := e.Time.Sub(p.last); 0 <= since && since < heartbeat {
			return nil
		}
		if text = beat(e.Body); text == "" {
			return nil
		}
	}
	p.last = e.Time
	_, err := fmt.Fprintf(p.w, "%s  %s\n", e.Time.Local().Format("15:04:05"), text)
	return err
}

// beat returns the line of an event that is printed only as a heartbeat.
func beat(body Body) string {
	switch b := body.(type) {
	case StepDone:
		return fmt.Sprintf("%s step %d/%d epoch %d/%s  loss %s  lr %.3g  %.0f images/s  %s", stageName(b.Stage, b.Round), b.Step, b.Steps, b.Epoch, plural.Number(b.Epochs), loss(b.Loss), b.LearningRate, b.ImagesPerSec, rest(b.Overall, b.Remaining))
	case Progress:
		return fmt.Sprintf("%s %d/%d %s  %s", stageName(b.Stage, b.Round), b.Done, b.Total, b.Unit, rest(b.Overall, b.Remaining))
	}
	return ""
}

// line returns the line of an event that is always printed, or "".
func line(body Body) string {
	switch b := body.(type) {
	case RunStarted:
		return fmt.Sprintf("run %s: experiment %s, %s on %s, %s weights, seed %d, kernel %s, %s, gate %s",
			b.Name, b.Experiment, b.Network, b.Dataset, plural.Thousands(b.Weights), b.Seed, b.Kernel, plural.Count(b.Threads, "thread"), b.Gate)
	case DataRead:
		name := b.Dataset
		if b.Note != "" {
			name += " (" + b.Note + ")"
		}
		return fmt.Sprintf("data %s: %s training, %s validation and %s test images, %s", name, plural.Thousands(b.Train), plural.Thousands(b.Validation), plural.Thousands(b.Test), b.Source)
	case Outlook:
		return b.String()
	case Decided:
		return "decided: " + b.Text
	case Planned:
		return fmt.Sprintf("%s takes %s of memory, planned once", stageName(b.Stage, b.Round), megabytes(b.Bytes))
	case Continued:
		from := b.Checkpoint
		if from == "" {
			from = "the beginning"
		}
		again := plural.Count(b.Removed, "later event") + " are"
		if b.Removed == 1 {
			again = "1 later event is"
		}
		return fmt.Sprintf("continued at step %d from %s; %s computed again", b.GlobalStep, from, again)
	case RoundStarted:
		if b.Of != "" && b.Of != "weights" {
			return fmt.Sprintf("round %d/%d  %s  %s", b.Round, b.Rounds, b.Text, plural.Count(b.Steps, "step"))
		}
		edges := "as they are"
		if b.Edge > 0 {
			edges = Percent(b.Edge)
		}
		return fmt.Sprintf("round %d/%d  target %s  edge layers %s  %s", b.Round, b.Rounds, Percent(b.Target), edges, plural.Count(b.Steps, "step"))
	case Sliced:
		return b.String()
	case Sparsity:
		return fmt.Sprintf("round %d  sparsity %s (%s of %s weights are zero)", b.Round, Percent(b.Sparsity), plural.Thousands(b.Zero), plural.Thousands(b.Total))
	case EpochDone:
		validation := ""
		if b.ValCount > 0 {
			validation = fmt.Sprintf("  validation loss %s top-1 %s", loss(b.ValLoss), Percent(b.ValTop1))
		}
		return fmt.Sprintf("%s epoch %d/%s  step %d  training loss %s top-1 %s%s  %s", stageName(b.Stage, b.Round), b.Epoch, plural.Number(b.Epochs), b.GlobalStep, loss(b.TrainLoss), Percent(b.TrainTop1), validation, Duration(b.Seconds))
	case Evaluated:
		round := ""
		if b.Round > 0 {
			round = fmt.Sprintf("round %d  ", b.Round)
		}
		return fmt.Sprintf("%s%s on %s: top-1 %s (%d of %d)  loss %s", round, b.What, b.Split, Percent(b.Top1), b.Correct, b.Total, loss(b.Loss))
	case RoundDone:
		verdict := "passed"
		if !b.Passed {
			verdict = "failed"
		}
		saved := ""
		if b.Checkpoint != "" {
			saved = fmt.Sprintf("  %s %.12s", b.Checkpoint, b.Hash)
		}
		return fmt.Sprintf("round %d done  target %s  sparsity %s  top-1 on test %s (%s)  %s  %s  %s: %s%s", b.Round, Percent(b.Target), Percent(b.Sparsity), Percent(b.Top1), Points(-b.Drop), plural.Amount(b.Epochs, "epoch"), Duration(b.Seconds), verdict, b.Reason, saved)
	case CalibrationPoint:
		return fmt.Sprintf("int8  %s  %s  draw %d: top-1 on test %s (%s against fp32)  calibration %.2gs, evaluation %.2gs", b.Observer, plural.Count(b.Images, "image"), b.Draw, Percent(b.Top1), Points(b.Top1-b.Float), b.CalibrateSeconds, b.EvaluateSeconds)
	case Quantized:
		scales := fmt.Sprintf("%s on %s", b.Observer, plural.Count(b.Images, "image"))
		if b.Images == 0 {
			scales = "scales of training"
		}
		return fmt.Sprintf("quantized  recipe %s  %s: top-1 on test %s, fp32 %s  %s bytes, fp32 %s", b.Recipe, scales, Percent(b.Top1), Percent(b.Float), plural.Thousands(b.Int8Bytes), plural.Thousands(b.FloatBytes))
	case Repaired:
		return "repair  " + b.String()
	case Race:
		return fmt.Sprintf("observers  ranges of %s by %s on %s", plural.Count(len(b.Activations), "activation"), plural.Count(len(b.observers()), "observer"), plural.Count(b.Images, "image"))
	case Scales:
		if !b.Asked {
			return ""
		}
		return fmt.Sprintf("scales  %s  %s  %sactivation %.4g to %.4g, scale %.4g, zero point %d  one scale for all channels would cost %.1f dB",
			b.Layer, plural.Count(len(b.Channels), "channel"), weightNoise(b), b.Activation.Min, b.Activation.Max, b.Activation.Scale, b.Activation.ZeroPoint, b.PerTensorCost)
	case Sensitivity:
		return fmt.Sprintf("sensitivity  step %d  loss %s on %s of %s; with %s of a layer's weights gone: %s  %s",
			b.GlobalStep, loss(b.Loss), plural.Count(b.Images, "image"), b.Split, Percent(b.Share), rises(b), Duration(b.Seconds))
	case Cost:
		return b.String()
	case SensitivityPoint:
		if b.Layer == "" {
			return fmt.Sprintf("sensitivity  the network as it is: loss %s  top-1 %s on %s of %s", loss(b.Loss), Percent(b.Top1), plural.Count(b.Images, "image"), b.Split)
		}
		return fmt.Sprintf("sensitivity  %s  %s: loss %s  top-1 %s", b.Layer, level(b), loss(b.Loss), Percent(b.Top1))
	case Paused:
		return strings.TrimSuffix(fmt.Sprintf("paused by %s at step %d: %s", b.Source, b.GlobalStep, b.Reason), ": ")
	case Resumed:
		return fmt.Sprintf("resumed by %s at step %d after %s", b.Source, b.GlobalStep, Duration(b.Seconds))
	case Commanded:
		if b.Refused != "" {
			return fmt.Sprintf("command %s by %s refused: %s", b.Command.Do, b.Command.Source, b.Refused)
		}
		return fmt.Sprintf("command %s by %s", b.Command.Do, b.Command.Source)
	case Saved:
		return fmt.Sprintf("saved %s  %s bytes", b.Path, plural.Thousands(b.Bytes))
	case Log:
		if b.Level == "info" {
			return b.Text
		}
		return b.Level + ": " + b.Text
	case Note:
		return fmt.Sprintf("note at step %d: %s", b.GlobalStep, b.Text)
	case RunDone:
		text := fmt.Sprintf("run %s after %s  sparsity %s  top-1 on test: dense %s, pruned %s, int8 %s", b.Standing(), Duration(b.Seconds), Percent(b.Sparsity), reached(b.Dense), reached(b.Top1), reached(b.Int8))
		if b.Reason != "" {
			text += ": " + b.Reason
		}
		return text
	}
	return ""
}

// String tells the removal of channels in one line.
func (s Sliced) String() string {
	before, kept := 0, 0
	for _, g := range s.Groups {
		before, kept = before+g.Before, kept+g.Kept
	}
	return fmt.Sprintf("round %d  %s of %s channels left: multiply-adds %s of %s, parameters %s of %s", s.Round,
		plural.Thousands(kept), plural.Thousands(before), plural.Thousands(s.MACs), plural.Thousands(s.MACsBefore), plural.Thousands(s.Parameters), plural.Thousands(s.ParametersBefore))
}

// level tells what a layer lost for its sensitivity.
func level(p SensitivityPoint) string {
	if p.Of == configs.OfBits {
		return plural.Count(int(p.Level), "bit")
	}
	return fmt.Sprintf("%s of its %s zero", Percent(p.Level), p.Of)
}

// weightNoise returns the SNR of a layer's int8 weights, and the best SNR that
// clipping their ranges could give.
func weightNoise(s Scales) string {
	if s.BestClip == 0 {
		return ""
	}
	clip := ""
	if s.Clip > 0 {
		clip = fmt.Sprintf(" clipped to %.3g of their range", s.Clip)
	}
	return fmt.Sprintf("weights%s %.1f dB, best %.1f at %.3g  ", clip, s.SNR, s.BestSNR, s.BestClip)
}

// rises lists the layers of a scan with the loss that each costs, the most
// sensitive first.
func rises(s Sensitivity) string {
	layers := slices.Clone(s.Layers)
	slices.SortStableFunc(layers, func(a, b LayerSensitivity) int { return cmp.Compare(b.Loss, a.Loss) })
	var all []string
	for _, l := range layers {
		rise := "not finite"
		if d := l.Loss - s.Loss; finite.Is(d) {
			rise = minus(fmt.Sprintf("%+.3f", d))
		}
		all = append(all, l.Name+" "+rise)
	}
	return strings.Join(all, ", ")
}

// reached formats a top-1, or a dash for 0, which means that the run did not get so
// far.
func reached(top1 float64) string {
	if top1 == 0 {
		return "–"
	}
	return Percent(top1)
}

func stageName(stage string, round int) string {
	switch {
	case round == 0:
		return stage
	case stage == StageQAT:
		return fmt.Sprintf("%s %d", stage, round)
	}
	return fmt.Sprintf("round %d  %s", round, stage)
}

// rest returns how far the whole run is.
func rest(overall, remaining float64) string {
	text := fmt.Sprintf("%.0f %% of the run", 100*overall)
	if remaining > 0 {
		text += ", about " + Duration(remaining) + " left"
	}
	return text
}
