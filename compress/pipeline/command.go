package pipeline

// A Command asks the running experiment for something. Commands are read
// between two steps, so that one takes effect after exactly the step in
// progress.
type Command struct {
	Do       Action `json:"do"`
	Images   int    `json:"images,omitempty"`   // Calibrate: the size
	Observer string `json:"observer,omitempty"` // Calibrate: empty for the experiment's
	Layer    string `json:"layer,omitempty"`    // Inspect
	Text     string `json:"text,omitempty"`     // Remark
	Source   string `json:"source,omitempty"`   // who asks: "keyboard", "socket", "signal"
}

// An Action is what a command does.
type Action string

const (
	Pause     Action = "pause"
	Resume    Action = "resume"
	Step      Action = "step"       // one step, then pause again
	SkipRound Action = "skip-round" // end fine-tuning here, evaluate, go on
	StopAfter Action = "stop-after" // finish this round, then stop
	StopNow   Action = "stop-now"   // checkpoint at this step and stop
	Calibrate Action = "calibrate"  // measure int8 accuracy at Images calibration images now
	Inspect   Action = "inspect"    // compute the scales that Layer would get now
	Remark    Action = "note"       // attach Text to this step
)

// A Source is a run as a screen or a printer sees it: live, attached or
// replayed. All methods may be called from any goroutine and never wait for
// the engine.
type Source interface {
	// Since returns the events with Seq > after, oldest first; at most max.
	Since(after int64, max int) []Event
	// Changed is signalled (capacity 1) when there may be new events.
	Changed() <-chan struct{}
	// Send asks the run for something. It reports an error when the source
	// takes no commands, as a finished run, or its queue is full.
	Send(Command) error
}
