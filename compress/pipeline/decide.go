package pipeline

import (
	"fmt"
)

// ByGate is the source of decisions that nobody overruled.
const ByGate = "gate"

// action returns what was decided after the round. Journals of earlier versions do
// not say it: there, a round that did not pass was the last.
func (b RoundDone) action() Action {
	switch {
	case b.Action != "":
		return b.Action
	case b.Passed:
		return Accept
	}
	return Stop
}

// decide decides what follows a round that the gate has judged, and publishes it.
// A command overrules the gate.
func (r *runner) decide(row *RoundDone) error {
	row.Action = r.gateSays(row)
	if !row.Passed && r.e.Gate.Ask {
		if err := r.askAfter(row); err != nil {
			return err
		}
	}
	by, passed := ByGate, row.Passed
	if c, asked := r.control.verdicts[row.Round]; asked {
		if refused := r.cannot(c.Do, row); refused != "" {
			r.log("warn", "round %d: %s by %s is not possible: %s", row.Round, c.Do, c.Source, refused)
		} else {
			row.Action, by = c.Do, c.Source
		}
	}
	row.Passed = row.Action == Accept
	d := Decided{About: "round", Round: row.Round, Action: row.Action, By: by, Target: row.Target, Top1: row.Top1, Drop: row.Drop}
	after := *r.ladder
	after.decided(row.Action)
	next, left := after.next()
	if left {
		d.Next, d.Epochs = next.Target(), next.FineTune.Epochs[0]
	}
	d.Text = decisionText(row, d, next)
	if by != ByGate && row.Passed != passed {
		row.Reason = fmt.Sprintf("%s; decided by %s", row.Reason, by)
	}
	r.hub.Publish(d)
	return nil
}

// gateSays returns what the gate decides by itself.
func (r *runner) gateSays(row *RoundDone) Action {
	switch {
	case row.Passed:
		return Accept
	case !row.Diverged && r.e.Gate.MoreEpochs > 0 && !r.ladder.again:
		return Retry
	case r.ladder.mayGoBack():
		return Back
	}
	return Stop
}

// cannot returns why an action cannot follow a round, or "".
func (r *runner) cannot(a Action, row *RoundDone) string {
	switch {
	case a != Back && row.Diverged:
		return "its network is not finite"
	case a == Back && !r.ladder.mayGoBack():
		return fmt.Sprintf("gate.smallest_step is %g, and the last target that passed is %s", r.e.Gate.SmallestStep, Percent(r.ladder.passed))
	}
	return ""
}

// askAfter waits for a command that decides about a round that did not pass.
// Resuming the run leaves the decision to the gate.
func (r *runner) askAfter(row *RoundDone) error {
	if _, asked := r.control.verdicts[row.Round]; asked {
		return nil
	}
	r.pause(ByGate, fmt.Sprintf("round %d: %s; accept it, retry, go back, or resume and the gate decides: %s", row.Round, row.Reason, row.Action))
	return r.breathe()
}

// decisionText gives a decision and its reason in one sentence.
func decisionText(row *RoundDone, d Decided, next try) string {
	follows := ""
	switch d.Action {
	case Accept:
		follows = "it is accepted"
	case Retry:
		follows = fmt.Sprintf("it is trained for %g more epochs", d.Epochs)
	case Back:
		follows = fmt.Sprintf("back to the last network that was accepted, and on with %s", next)
	case Stop:
		follows = "the rounds end, and the last network that was accepted is the result"
	}
	if d.By != ByGate {
		follows += ", as asked by " + d.By
	}
	return fmt.Sprintf("round %d, target %s: %s; %s", row.Round, Percent(row.Target), row.Reason, follows)
}

// verdict keeps a command that decides about the round in progress, and ends a
// pause that waited for it.
func (r *runner) verdict(c Command) {
	if r.control.verdicts == nil {
		r.control.verdicts = make(map[int]Command)
	}
	r.control.verdicts[c.Round] = c
	if r.control.paused && r.control.pausedBy == ByGate {
		r.goOn(c.Source)
	}
}

// isVerdict reports whether an action decides about a round.
func isVerdict(a Action) bool { return a == Accept || a == Retry || a == Back }
