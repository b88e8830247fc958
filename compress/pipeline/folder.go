package pipeline

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"espalier/configs"
	"espalier/internal/atomicfile"
)

// A Folder is the path of a run's folder.
type Folder string

// Name returns the run's name.
func (f Folder) Name() string { return filepath.Base(string(f)) }

// Path returns the path of a file in the folder.
func (f Folder) Path(name string) string { return filepath.Join(string(f), filepath.FromSlash(name)) }

// Journal, Experiment, Result, Report and Crash return the paths of the files
// that a run writes; see the package comment.
func (f Folder) Journal() string    { return f.Path("journal.jsonl") }
func (f Folder) Experiment() string { return f.Path("experiment.yaml") }
func (f Folder) Result() string     { return f.Path("result.json") }
func (f Folder) Report() string     { return f.Path("report.md") }
func (f Folder) Crash() string      { return f.Path("crash.txt") }
func (f Folder) socket() string     { return f.Path("control.sock") }
func (f Folder) lock() string       { return f.Path("engine.lock") }

// createFolder makes a run's folder under root and writes the resolved
// experiment into it. An empty name becomes the experiment's with the time,
// such as quick-20261122-140219.
func createFolder(root, name string, e configs.Experiment, now time.Time) (Folder, error) {
	document, err := e.YAML()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(root, 0o755); err != nil {
		return "", fmt.Errorf("make the folder for runs: %w; choose another with --run-dir", err)
	}
	path, err := makeFolder(root, name, e.Name, now)
	if err != nil {
		return "", err
	}
	f := Folder(path)
	if err := os.Mkdir(f.Path("checkpoints"), 0o755); err != nil {
		return "", fmt.Errorf("make run folder: %w", err)
	}
	return f, f.writeExperiment(document)
}

func (f Folder) writeExperiment(document []byte) error {
	return atomicfile.Write(f.Experiment(), func(w io.Writer) error {
		_, err := w.Write(document)
		return err
	})
}

// makeFolder makes a folder and fails if it exists.
func makeFolder(root, name, experiment string, now time.Time) (string, error) {
	chosen := name
	if name == "" {
		chosen = fmt.Sprintf("%s-%s", experiment, now.Format("20060102-150405"))
	}
	for n := 2; ; n++ {
		path := filepath.Join(root, chosen)
		err := os.Mkdir(path, 0o755)
		switch {
		case err == nil:
			return path, nil
		case !errors.Is(err, os.ErrExist):
			return "", fmt.Errorf("make run folder: %w; choose another place with --run-dir", err)
		case name != "":
			return "", fmt.Errorf("there is a run %s already: choose another name, or resume it with --resume", path)
		}
		chosen = fmt.Sprintf("%s-%s-%d", experiment, now.Format("20060102-150405"), n)
	}
}

// LoadExperiment reads the experiment of a run.
func (f Folder) LoadExperiment() (configs.Experiment, error) {
	e, err := configs.Load(f.Experiment(), nil)
	if err != nil {
		return configs.Experiment{}, err
	}
	var name string
	err = ReadJournal(f.Journal(), func(event Event) error {
		if started, ok := event.Body.(RunStarted); ok {
			name = started.Experiment
		}
		return errStop
	})
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return configs.Experiment{}, err
	}
	e.Name = name
	return e, nil
}

// The states of a run, as far as its folder shows them.
const (
	StatusLive    = "live"
	StatusDone    = "done"
	StatusStopped = "stopped"
	StatusFailed  = "failed"
	StatusDead    = "dead"    // not over and nobody computes it
	StatusUnknown = "unknown" // not over, and who computes it may not be seen
)

// A Listing is a run in a list of runs.
type Listing struct {
	Folder Folder
	Status string
	State  State
	Err    error // why the journal could not be read
	end    int64 // bytes of the journal that State is of
}

// ListRuns returns the runs under root, the newest first. A folder that cannot
// be read is listed with its error.
func ListRuns(root string) ([]Listing, error) {
	folders, err := runsUnder(root)
	var all []Listing
	for _, f := range folders {
		all = append(all, f.Listing())
	}
	slices.SortFunc(all, func(a, b Listing) int {
		if c := b.State.Begun.Compare(a.State.Begun); c != 0 {
			return c
		}
		return strings.Compare(b.Folder.Name(), a.Folder.Name())
	})
	return all, err
}

// LiveRuns returns the runs under root that a process is computing, sorted by
// name. It reads no whole journal.
func LiveRuns(root string) ([]Folder, error) {
	folders, err := runsUnder(root)
	return slices.DeleteFunc(folders, func(f Folder) bool { return f.Status() != StatusLive }), err
}

// runsUnder returns the folders under root that hold a journal.
func runsUnder(root string) ([]Folder, error) {
	entries, err := os.ReadDir(root)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list runs: %w", err)
	}
	var folders []Folder
	for _, entry := range entries {
		f := Folder(filepath.Join(root, entry.Name()))
		if _, err := os.Stat(f.Journal()); err == nil {
			folders = append(folders, f)
		}
	}
	return folders, nil
}

// Listing folds a run's journal and says what state the run is in.
func (f Folder) Listing() Listing { return Listing{Folder: f}.Refresh() }

// Refresh returns the listing as it is now. It reads only what was added to the
// journal, or all of it if the run went back to an earlier event.
func (l Listing) Refresh() Listing {
	// In this order: a run that ends in between is done, not dead.
	live, unseen := locked(l.Folder)
	state, end, err := readOn(l.Folder, l.State, l.end)
	if err != nil && l.end > 0 {
		state, end, err = readOn(l.Folder, State{}, 0)
	}
	l = Listing{Folder: l.Folder, Status: status(state.Done, live, unseen), State: state, Err: err, end: end}
	if l.Status == StatusUnknown {
		l.Err = errors.Join(l.Err, unseen)
	}
	return l
}

// Status returns the run's state. Of the journal it reads only the last line:
// nothing comes after a run's end, unless the run goes on.
func (f Folder) Status() string {
	live, unseen := locked(f)
	var done *RunDone
	if e, ok := lastEvent(f.Journal()); ok {
		if b, ok := e.Body.(RunDone); ok {
			done = &b
		}
	}
	return status(done, live, unseen)
}

// status returns a run's state, from how it ended (nil if it did not) and
// whether a process computes it.
func status(done *RunDone, live bool, unseen error) string {
	switch {
	case done != nil:
		return done.Status
	case live:
		return StatusLive
	case unseen != nil:
		return StatusUnknown
	}
	return StatusDead
}

// Live reports whether a process is computing the run, as far as can be seen.
func (f Folder) Live() bool {
	live, err := locked(f)
	return live || err != nil
}
