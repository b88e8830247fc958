package pipeline

import (
	"encoding/json"
	"fmt"

	"espalier/compress/quantize"
)

// A Command asks the running experiment for something. The engine reads
// commands between two steps, so a command takes effect after exactly the step
// in progress.
type Command struct {
	// Do is pause, resume, step, pause-at, skip-round, stop-after, stop-now,
	// calibrate, inspect, sensitivity, note, accept, retry or back.
	Do       Action `json:"do"`
	Images   int    `json:"images,omitempty"`   // Calibrate: the size
	Observer string `json:"observer,omitempty"` // Calibrate: empty for the experiment's
	Layer    string `json:"layer,omitempty"`    // Inspect
	// Clip is for Inspect: the scales if every channel's weight range were cut to
	// this share of its largest magnitude, 0.05 to 1; 0 means 1. The run keeps
	// its own scales.
	Clip   float64 `json:"clip,omitempty"`
	AtStep int     `json:"at_step,omitempty"` // PauseAt: a global step; 0 cancels
	Text   string  `json:"text,omitempty"`    // Remark
	Round  int     `json:"round,omitempty"`   // Accept, Retry, Back: 0 for the round in progress
	Source string  `json:"source,omitempty"`  // who asks: "keyboard", "socket", "signal"
}

// An Action is what a command does.
type Action string

const (
	Pause     Action = "pause"
	Resume    Action = "resume"
	Step      Action = "step"        // one step, then pause again
	PauseAt   Action = "pause-at"    // pause after the step AtStep
	SkipRound Action = "skip-round"  // end fine-tuning here, evaluate, go on
	StopAfter Action = "stop-after"  // finish this round, then stop
	StopNow   Action = "stop-now"    // checkpoint at this step and stop
	Calibrate Action = "calibrate"   // measure int8 accuracy at Images calibration images now
	Inspect   Action = "inspect"     // compute the scales that Layer would get now
	Scan      Action = "sensitivity" // measure each layer's sensitivity now
	Remark    Action = "note"        // attach Text to this step

	// These overrule the gate's decision about a round.
	Accept Action = "accept" // take its network, whatever its accuracy
	Retry  Action = "retry"  // train it on
	Back   Action = "back"   // return to the last network that was accepted, try a smaller target
)

// Stop is a decision: the rounds end. It is no command.
const Stop Action = "stop"

// A Source is a run as a screen or a printer sees it: live, attached or
// replayed. All methods may be called from any goroutine and never wait for
// the engine.
type Source interface {
	// Since returns the events with Seq > after, oldest first; at most max.
	Since(after int64, max int) []Event
	// Changed is signalled (capacity 1) when there may be new events.
	Changed() <-chan struct{}
	// Send asks the run for something. It returns an error if the source takes
	// no commands, such as a finished run, or if the queue is full.
	Send(Command) error
}

// parseCommand reads a command's JSON form and checks it.
func parseCommand(line []byte) (Command, error) {
	var c Command
	if err := json.Unmarshal(line, &c); err != nil {
		return Command{}, fmt.Errorf("not a command: %w", err)
	}
	return c, c.Check()
}

// Check returns an error if a command is wrong in any state of the run.
func (c Command) Check() error {
	switch c.Do {
	case Pause, Resume, Step, SkipRound, StopAfter, StopNow, Scan:
	case Accept, Retry, Back:
		if c.Round < 0 {
			return fmt.Errorf("%s round %d: want a round from 1 on, or 0 for the one in progress", c.Do, c.Round)
		}
	case PauseAt:
		if c.AtStep < 0 {
			return fmt.Errorf("pause at step %d: want a step from 1 on, or 0 to cancel", c.AtStep)
		}
	case Calibrate:
		if c.Images < 1 {
			return fmt.Errorf("calibrate on %d images: want at least 1", c.Images)
		}
		if c.Observer != "" {
			if _, err := quantize.NewObserver(c.Observer); err != nil {
				return err
			}
		}
	case Inspect:
		if c.Layer == "" {
			return fmt.Errorf("inspect: name a layer")
		}
		if c.Clip != 0 && !(c.Clip >= quantize.SmallestClip && c.Clip <= 1) {
			return fmt.Errorf("clip weights to %g of their range: want a share from %g to 1", c.Clip, quantize.SmallestClip)
		}
	case Remark:
		if c.Text == "" || len(c.Text) > 1000 {
			return fmt.Errorf("a note of %d bytes: want 1 to 1000", len(c.Text))
		}
	default:
		return fmt.Errorf("unknown command %q", c.Do)
	}
	return nil
}
