package pipeline

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"espalier/configs"
	"espalier/dataset"
	"espalier/model"
)

// A Run is a run's folder, opened to compute it. No other process can compute
// it until Close. Screens and printers may use Hub from the beginning; Do
// computes.
type Run struct {
	Folder     Folder
	Experiment configs.Experiment
	Hub        *Hub

	lock   *runLock
	server *server
	resume bool
	moved  bool // the images lie at another path than the folder's experiment says
	past   past
	cut    bool
}

// Parts are what a run needs besides its experiment.
type Parts struct {
	Version string // of the program, for the record
	// Embedded returns the weights that the program carries for a data set and
	// an architecture, or an error if there are none.
	Embedded func(set string, network model.Spec) (*model.Graph, error)
	// Cache is the folder where trained dense networks are kept for later runs
	// with the same settings. Empty keeps none.
	Cache string
	// Open reads the data; nil is dataset.Open.
	Open func(dataset.Options) (*dataset.Data, error)
	// CheckpointEvery is the time between checkpoints, and so the most training
	// that a crash can cost; 0 is a minute.
	CheckpointEvery time.Duration
}

// Create makes a run's folder under root. An empty name is made from the
// experiment's and the time.
func Create(root, name string, e configs.Experiment) (*Run, error) {
	if err := e.Validate(); err != nil {
		return nil, fmt.Errorf("experiment %s: %w", e.Name, err)
	}
	if err := e.Resolve(); err != nil {
		return nil, fmt.Errorf("experiment %s: %w", e.Name, err)
	}
	folder, err := createFolder(root, name, e, time.Now())
	if err != nil {
		return nil, err
	}
	return openRun(folder, e, false)
}

// MoveData sets another path for the images of a run that goes on. Do fails if
// they are not the same images; otherwise it stores the path.
func (r *Run) MoveData(path string) error {
	e := r.Experiment
	e.Data.Path = path
	if err := e.Validate(); err != nil {
		return err
	}
	if err := e.Resolve(); err != nil {
		return err
	}
	r.Experiment, r.moved = e, true
	return nil
}

// Continue opens a run that ended before it was done, to go on with it. It
// rewinds the journal to the checkpoint that Do begins from.
func Continue(folder Folder) (*Run, error) {
	e, err := folder.LoadExperiment()
	if err != nil {
		return nil, fmt.Errorf("resume %s: %w", folder.Name(), err)
	}
	r, err := openRun(folder, e, true)
	if err != nil {
		return nil, err
	}
	if err := r.rewind(); err != nil {
		r.Close()
		return nil, fmt.Errorf("resume %s: %w", folder.Name(), err)
	}
	return r, nil
}

// rewind takes the journal back to the newest usable checkpoint.
func (r *Run) rewind() error {
	state := r.Hub.State()
	if done := state.Done; done != nil && done.Status == StatusDone {
		return fmt.Errorf("it is done already; see its report with: espalier report %s", r.Folder)
	}
	if err := removeTemporary(r.Folder); err != nil {
		return err
	}
	if state.Started == nil {
		r.resume = false // it did not come to its first event
		return nil
	}
	var err error
	if r.past, err = findPast(r.Folder); err != nil {
		return err
	}
	r.past.removed, err = r.Hub.Rewind(r.past.seq)
	return err
}

func openRun(folder Folder, e configs.Experiment, resume bool) (*Run, error) {
	lock, err := acquireLock(folder)
	if err != nil {
		return nil, err
	}
	journal, err := OpenJournal(folder.Journal())
	if err != nil {
		lock.release()
		return nil, err
	}
	r := &Run{Folder: folder, Experiment: e, Hub: newHub(journal), lock: lock, resume: resume}
	if r.server, err = serve(folder, r.Hub.Send); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// Close releases the folder. Do must have returned.
func (r *Run) Close() error {
	var err error
	if r.server != nil {
		err = r.server.Close()
	}
	return errors.Join(err, r.Hub.Close(), r.lock.release())
}

// Do computes the run to its end and returns its last event's content. When ctx
// ends, the run is checkpointed at the step in progress and stopped. The error
// says why a run failed; one that was stopped has none.
func (r *Run) Do(ctx context.Context, p Parts) (RunDone, error) {
	worker := newRunner(ctx, r, p)
	err := r.guard(worker.run)
	r.cut = errors.Is(err, errStoppedNow)
	done := worker.outcome(err)
	if done.Status == StatusFailed {
		worker.log("error", "%s", err)
	} else {
		err = nil
	}
	conclude := func() error { return worker.conclude(done) }
	if failed := r.guard(func() error { return worker.write(conclude) }); failed != nil {
		worker.log("warn", "the report could not be written: %s", failed)
	}
	r.Hub.Publish(done)
	if failed := errors.Join(r.Hub.Flush(), r.Hub.Sync()); failed != nil && err == nil {
		err = fmt.Errorf("the end of the run could not be written: %w", failed)
	}
	return done, err
}

// Interrupted reports, once Do has returned, whether a signal or a command
// stopped the run at once rather than at the end of a round.
func (r *Run) Interrupted() bool { return r.cut }

// guard turns a panic into an error and keeps its stack in the run folder.
func (r *Run) guard(run func() error) (err error) {
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		stack := string(debug.Stack())
		if f, ok := v.(*model.Failure); ok {
			stack = fmt.Sprintf("%s\nraised again in\n%s", f.Stack, stack)
		}
		err = fmt.Errorf("internal error: %v; the stack is in %s", v, r.Folder.Crash())
		text := fmt.Sprintf("%v\n\n%s", v, stack)
		if failed := os.WriteFile(r.Folder.Crash(), []byte(text), 0o644); failed != nil {
			err = fmt.Errorf("internal error: %v; writing its stack failed too: %w\n%s", v, failed, stack)
		}
	}()
	return run()
}
