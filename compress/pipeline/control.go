package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// control is what commands have asked for.
type control struct {
	paused    bool
	pausedBy  string
	since     time.Time       // of the pause
	stepping  string          // who asked for the single step in progress; empty for none
	target    int             // the number of steps after which it is done
	pauseAt   Command         // pause after its AtStep; 0 for none
	skip      bool            // end the training in progress
	stopAfter bool            // end the run with the round in progress
	reason    string          // why the run was stopped
	asking    bool            // a measurement that a command asked for is running
	answered  int             // images it has finished, without the part in progress
	answer    int             // images it needs in all
	verdicts  map[int]Command // on rounds, by their numbers
}

// errSkipped ends a stage of training early.
var errSkipped = fmt.Errorf("skipped")

// diskPatience is the time between two attempts to write to a full disk.
const diskPatience = time.Second

// breathe is called between two steps, or between two batches in stages without
// steps. It obeys commands, waits while the run is paused, and saves a
// checkpoint when one is due. An error ends the stage.
func (r *runner) breathe() error {
	if r.ctx.Err() != nil {
		return r.stopNow(r.stopper())
	}
	c := &r.control
	if c.asking {
		return nil
	}
	if err := r.hub.Failure(); err != nil {
		if err := r.waitForDisk(err, r.hub.Flush); err != nil {
			return err
		}
	}
	if r.training != nil && time.Since(r.saved) >= r.parts.CheckpointEvery {
		if err := r.saveStep(); err != nil {
			return err
		}
	}
	if c.stepping != "" && (r.steps >= c.target || r.training == nil) {
		r.pause(c.stepping, "one step done")
	}
	if at := c.pauseAt.AtStep; at > 0 && r.steps >= at {
		r.pause(c.pauseAt.Source, fmt.Sprintf("step %d is done", r.steps))
		if r.training != nil {
			if err := r.saveStep(); err != nil {
				return err
			}
		}
	}
	for {
		if c.paused {
			select {
			case command := <-r.hub.Commands():
				if err := r.obey(command); err != nil {
					return err
				}
			case <-r.ctx.Done():
				return r.stopNow(r.stopper())
			}
			continue
		}
		select {
		case command := <-r.hub.Commands():
			if err := r.obey(command); err != nil {
				return err
			}
			continue
		default:
		}
		if c.skip && r.training != nil {
			return errSkipped
		}
		return nil
	}
}

// obey carries out a command, or journals why it is refused.
func (r *runner) obey(command Command) error {
	if command.Source == "" {
		command.Source = "keyboard"
	}
	if refused := r.refusal(command); refused != "" {
		r.hub.Publish(Commanded{Command: command, Refused: refused})
		return nil
	}
	if isVerdict(command.Do) && command.Round == 0 {
		command.Round = r.round
	}
	r.hub.Publish(Commanded{Command: command})
	c := &r.control
	switch command.Do {
	case Pause:
		r.pause(command.Source, "")
		if r.training != nil {
			return r.saveStep()
		}
	case Resume:
		r.goOn(command.Source)
	case Step:
		c.stepping, c.target = command.Source, r.steps+1
		r.goOn(command.Source)
	case PauseAt:
		c.pauseAt = command
	case SkipRound:
		c.skip = true
		if c.paused {
			r.goOn(command.Source)
		}
	case StopAfter:
		c.stopAfter = true
	case StopNow:
		return r.stopNow(command.Source)
	case Calibrate:
		return r.ask(func() error { return r.calibrateNow(command) })
	case Inspect:
		return r.ask(func() error { return r.inspect(command) })
	case Scan:
		return r.ask(r.sensitivity)
	case Accept, Retry, Back:
		r.verdict(command)
	case Remark:
		r.hub.Publish(Note{GlobalStep: r.steps, Text: command.Text})
	}
	return nil
}

// refusal returns why a command is refused at this moment, or "".
func (r *runner) refusal(command Command) string {
	if err := command.Check(); err != nil {
		return err.Error()
	}
	switch command.Do {
	case Pause:
		if r.control.paused {
			return "the run is paused already"
		}
	case Resume, Step:
		if !r.control.paused {
			return "the run is not paused"
		}
	case PauseAt:
		if at := command.AtStep; at > 0 && at <= r.steps {
			return fmt.Sprintf("the run is at step %d already", r.steps)
		}
	case SkipRound:
		if r.training == nil {
			return "nothing is being trained"
		}
	case StopAfter:
		if r.hub.State().Current == nil && r.stage != StageDense {
			return "no round is in progress"
		}
	case Accept, Retry, Back:
		switch {
		case r.hub.State().Current == nil:
			return "no round is in progress"
		case command.Round != 0 && command.Round != r.round:
			return fmt.Sprintf("round %d is in progress", r.round)
		case command.Do == Back && !r.ladder.mayGoBack():
			return "there is no smaller step: set gate.smallest_step, as 0.02, below the distance of the targets"
		}
	case Calibrate:
		if r.data == nil || r.eval == nil {
			return "there is no network to calibrate yet"
		}
		if n := r.data.Train.Len(); command.Images > n {
			return fmt.Sprintf("%d images are more than the %d of the training part", command.Images, n)
		}
	case Inspect:
		if r.eval == nil {
			return "there is no network to inspect yet"
		}
		if n := r.net.Node(command.Layer); n == nil || !n.IsLayer() {
			return fmt.Sprintf("there is no layer %q", command.Layer)
		}
	case Scan:
		if r.data == nil || r.eval == nil {
			return "there is no network to take layers from yet"
		}
	}
	return ""
}

// ask runs a measurement that a command asked for. Further commands wait until
// it ends. Its failure does not fail the run.
func (r *runner) ask(measure func() error) error {
	r.control.asking = true
	defer func() { r.control.asking = false }()
	err := measure()
	if err != nil && r.ctx.Err() == nil {
		r.log("warn", "%s", err)
		return nil
	}
	return err
}

// pause stops the run after the step in progress.
func (r *runner) pause(source, reason string) {
	c := &r.control
	c.paused, c.pausedBy, c.stepping, c.since = true, source, "", time.Now()
	if c.pauseAt.AtStep <= r.steps {
		c.pauseAt = Command{}
	}
	r.hub.Publish(Paused{GlobalStep: r.steps, Source: source, Reason: reason})
}

// goOn ends a pause.
func (r *runner) goOn(source string) {
	pause := time.Since(r.control.since)
	r.control.paused = false
	r.paused += pause
	r.hub.Publish(Resumed{GlobalStep: r.steps, Source: source, Seconds: pause.Seconds()})
}

// A StopCause is a cause for cancelling a run's context other than a signal. It
// completes the sentence "stopped by …".
type StopCause string

func (c StopCause) Error() string { return string(c) }

// stopper returns what cancelled the run's context.
func (r *runner) stopper() string {
	var cause StopCause
	if errors.As(context.Cause(r.ctx), &cause) {
		return string(cause)
	}
	return "signal"
}

// stopNow saves the state of the step in progress and ends the run.
func (r *runner) stopNow(source string) error {
	if r.control.paused {
		r.goOn(source)
	}
	r.control.reason = fmt.Sprintf("stopped by %s at step %d", source, r.steps)
	if r.training != nil {
		if err := r.saveStep(); err != nil {
			return err
		}
	}
	return errStoppedNow
}

// waitForDisk pauses until a write that failed because the disk was full
// succeeds. Any other failure ends the run. A run that somebody had paused
// stays paused.
func (r *runner) waitForDisk(err error, again func() error) error {
	if !diskFull(err) {
		return err
	}
	paused := r.control.paused
	if paused {
		r.goOn("disk")
	}
	r.control.since = time.Now()
	r.hub.Publish(Paused{GlobalStep: r.steps, Source: "disk", Reason: fmt.Sprintf("%s: free some space and the run goes on by itself", err)})
	for {
		select {
		case <-r.ctx.Done():
			r.control.reason = fmt.Sprintf("stopped by %s at step %d while the disk was full", r.stopper(), r.steps)
			return errStoppedNow
		case command := <-r.hub.Commands():
			if command.Do == StopNow {
				r.control.reason = fmt.Sprintf("stopped by %s at step %d while the disk was full", command.Source, r.steps)
				return errStoppedNow
			}
			r.hub.Publish(Commanded{Command: command, Refused: "the run waits for space on the disk"})
			continue
		case <-time.After(diskPatience):
		}
		if err := again(); err == nil {
			r.goOn("disk")
			if paused {
				r.pause(r.control.pausedBy, "as before the disk was full")
			}
			return nil
		} else if !diskFull(err) {
			return err
		}
	}
}

// write runs a function that writes a file and waits while the disk is full.
func (r *runner) write(save func() error) error {
	err := save()
	if err == nil {
		return nil
	}
	return r.waitForDisk(err, save)
}
