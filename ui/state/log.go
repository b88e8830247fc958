package state

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"espalier/compress/pipeline"
	"espalier/internal/finite"
	"espalier/internal/plural"
)

// A Line is one sentence of the log.
type Line struct {
	Time  time.Time
	Level string // info, warn or error
	Text  string
	Step  int    // global, when it was said
	Layer string // that it is about, if any
}

// linesKept bounds the log; the journal on disk has all of it.
const linesKept = 4096

// Log is the newest lines.
type Log struct {
	lines   []Line
	dropped int
	bad     bool // the loss was not finite at the last step
}

// Lines returns the lines kept, oldest first. Callers must not change them.
func (l *Log) Lines() []Line { return l.lines }

// Dropped returns how many older lines there were.
func (l *Log) Dropped() int { return l.dropped }

// Count returns how many lines there were.
func (l *Log) Count() int { return l.dropped + len(l.lines) }

// Newest returns the newest n lines, or as many as are kept.
func (l *Log) Newest(n int) []Line { return l.lines[max(len(l.lines)-n, 0):] }

// Add appends a line of the screen's own, such as why a command was not taken.
func (l *Log) Add(line Line) {
	if len(l.lines) == linesKept {
		half := linesKept / 2
		l.lines = append(l.lines[:0], l.lines[half:]...)
		l.dropped += half
	}
	l.lines = append(l.lines, line)
}

// note adds the sentence that an event deserves, if any, after it was folded.
func (l *Log) note(r *Run, e pipeline.Event) {
	level, text, layer := "info", "", ""
	switch b := e.Body.(type) {
	case pipeline.RunStarted:
		text = fmt.Sprintf("%s started: %s on %s, seed %d, %s, %s kernels", b.Experiment, b.Network, b.Dataset, b.Seed, plural.Count(b.Threads, "thread"), b.Kernel)
	case pipeline.Outlook:
		text = b.String()
	case pipeline.Decided:
		if b.Action != pipeline.Accept || b.By != pipeline.ByGate { // the round's line tells the rest
			level, text = "warn", b.Text
		}
	case pipeline.Continued:
		text = fmt.Sprintf("continued from step %d", b.GlobalStep)
		if b.Checkpoint != "" {
			text += ", checkpoint " + b.Checkpoint
		}
	case pipeline.StepDone:
		bad := !finite.Is(b.Loss)
		if bad && !l.bad {
			level, text = "warn", fmt.Sprintf("the loss is %v at step %d", b.Loss, b.GlobalStep)
		}
		l.bad = bad
	case pipeline.StageDone:
		if b.Stage == pipeline.StageData || b.Stage == pipeline.StageFuse {
			text = fmt.Sprintf("%s done in %.1f s", b.Stage, b.Seconds)
		}
	case pipeline.EpochDone:
		text = epochText(b)
	case pipeline.Evaluated:
		text = fmt.Sprintf("%s network: top-1 %.2f%% on %s (%d of %d)", b.What, 100*b.Top1, b.Split, b.Correct, b.Total)
	case pipeline.RoundStarted:
		if b.Of != "" && b.Of != "weights" {
			text = fmt.Sprintf("round %d of %d: %s, %s", b.Round, b.Rounds, b.Text, plural.Amount(b.Epochs, "epoch"))
			break
		}
		text = fmt.Sprintf("round %d of %d: target %.1f%%, %s", b.Round, b.Rounds, 100*b.Target, plural.Amount(b.Epochs, "epoch"))
	case pipeline.Sliced:
		text = b.String()
	case pipeline.RoundDone:
		level, text = roundText(b)
	case pipeline.Repaired:
		text = "repair " + b.String()
	case pipeline.CalibrationPoint:
		text = fmt.Sprintf("int8 n=%d, %s: top-1 %.2f%% (%s to fp32)", b.Images, b.Observer, 100*b.Top1, points(b.Top1-b.Float))
	case pipeline.Scales:
		if b.Asked {
			text = fmt.Sprintf("%s: scales of %s, activations observed on %s", b.Layer, plural.Count(len(b.Channels), "channel"), plural.Count(b.Images, "image"))
			if b.Clip > 0 {
				text = fmt.Sprintf("%s: scales with weights clipped to %.3g of their range, %.1f dB", b.Layer, b.Clip, b.SNR)
			}
			layer = b.Layer
		}
	case pipeline.Sensitivity:
		text, layer = scanText(b)
	case pipeline.Quantized:
		text = fmt.Sprintf("int8 network: top-1 %.2f%% (%s to fp32), %s instead of %s, %s", 100*b.Top1, points(b.Top1-b.Float), Bytes(b.Int8Bytes), Bytes(b.FloatBytes), b.File)
	case pipeline.Cost:
		text = costText(b)
	case pipeline.Paused:
		text = fmt.Sprintf("paused at step %d by %s", b.GlobalStep, b.Source)
		if b.Reason != "" {
			level, text = "warn", text+": "+b.Reason
		}
	case pipeline.Resumed:
		text = fmt.Sprintf("resumed by %s after %.0f s", b.Source, b.Seconds)
	case pipeline.Commanded:
		if level, text, layer = commandText(b); b.Command.Do == pipeline.Remark && b.Refused == "" {
			text = "" // the note follows
		}
	case pipeline.Saved:
		text = fmt.Sprintf("%s saved: %s (%s)", b.What, b.Path, Bytes(b.Bytes))
	case pipeline.Log:
		level, text, layer = b.Level, b.Text, r.layerOf(b.Text)
	case pipeline.Note:
		text = "note: " + b.Text
	case pipeline.RunDone:
		level, text = doneText(b)
	}
	if text != "" {
		l.Add(Line{Time: e.Time, Level: level, Text: text, Step: r.Step.GlobalStep, Layer: layer})
	}
}

// layerOf returns the layer that a sentence begins with, as in "layer2.0.conv1:
// 3 of its 32 output channels are all zero".
func (r *Run) layerOf(text string) string {
	name, _, ok := strings.Cut(text, ":")
	if ok && slices.ContainsFunc(r.Info.Layers, func(l pipeline.LayerInfo) bool { return l.Name == name }) {
		return name
	}
	return ""
}

func epochText(b pipeline.EpochDone) string {
	text := fmt.Sprintf("epoch %d/%s: train %.4f (%.1f%%)", b.Epoch, plural.Number(b.Epochs), b.TrainLoss, 100*b.TrainTop1)
	if b.ValCount > 0 {
		text += fmt.Sprintf(", val %.4f (%.1f%%)", b.ValLoss, 100*b.ValTop1)
	}
	return text + fmt.Sprintf(", %.1f s", b.Seconds)
}

func roundText(b pipeline.RoundDone) (level, text string) {
	text = fmt.Sprintf("round %d done: sparsity %.2f%%, top-1 %.2f%% (%s)", b.Round, 100*b.Sparsity, 100*b.Top1, points(-b.Drop))
	if !b.Passed {
		return "warn", text + ", gate failed: " + b.Reason
	}
	return "info", text
}

// Verdict says what a verdict asks for. Round is 0 for the one in progress.
func Verdict(do pipeline.Action, round int) string {
	of := "the round in progress"
	if round > 0 {
		of = fmt.Sprintf("round %d", round)
	}
	switch do {
	case pipeline.Accept:
		return "accept " + of
	case pipeline.Retry:
		return "train " + of + " on"
	}
	return "go back after " + of
}

func commandText(b pipeline.Commanded) (level, text, layer string) {
	c := b.Command
	text = string(c.Do)
	switch c.Do {
	case pipeline.Calibrate:
		text = fmt.Sprintf("calibrate on %s", plural.Count(c.Images, "image"))
	case pipeline.Scan:
		text = "measure each layer's sensitivity"
	case pipeline.Accept, pipeline.Retry, pipeline.Back:
		text = Verdict(c.Do, c.Round)
	case pipeline.PauseAt:
		if text = fmt.Sprintf("pause after step %d", c.AtStep); c.AtStep == 0 {
			text = "cancel the pause"
		}
	case pipeline.Inspect:
		if text, layer = "inspect "+c.Layer, c.Layer; c.Clip > 0 {
			text += fmt.Sprintf(" clipped to %.3g", c.Clip)
		}
	}
	if b.Refused != "" {
		return "warn", text + " refused: " + b.Refused, layer
	}
	return "info", fmt.Sprintf("%s, asked by %s", text, c.Source), layer
}

func doneText(b pipeline.RunDone) (level, text string) {
	text = fmt.Sprintf("run %s", b.Standing())
	if b.Top1 > 0 {
		text += fmt.Sprintf(": %.2f%% zero, top-1 %.2f → %.2f%%", 100*b.Sparsity, 100*b.Dense, 100*b.Top1)
	}
	if b.Int8 > 0 {
		text += fmt.Sprintf(", int8 %.2f%%", 100*b.Int8)
	}
	if b.Reason != "" {
		text += ": " + b.Reason
	}
	switch b.Standing() {
	case pipeline.StandingFailed, pipeline.StandingDiverged:
		return "error", text
	case pipeline.StandingGateFailed:
		return "warn", text
	}
	return "info", text
}

// points writes a difference of fractions in percentage points.
func points(d float64) string {
	return minus(fmt.Sprintf("%+.2f pt", 100*d))
}

// minus writes the sign that numbers have in print.
func minus(text string) string { return strings.ReplaceAll(text, "-", "−") }

// Bytes writes a size in powers of 1000.
func Bytes(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	case n < 1_000_000:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%.2f MB", float64(n)/1e6)
}

// costText tells what a checkpoint costs.
func costText(c pipeline.Cost) string {
	text := fmt.Sprintf("%s network: %s, %s without zeros", c.Name(), Bytes(c.Bytes), Bytes(c.SparseBytes))
	if s, ok := c.Fastest(1, 1); ok {
		text += fmt.Sprintf("; an image takes %.3g ms in %s on one thread", 1e3*s.Seconds, s.Form)
	}
	return text
}
