package pipeline

import (
	"errors"
	"fmt"
	"os"
	"time"
)

// errLocked is returned while another process computes a run.
var errLocked = errors.New("another process computes the run: watch it with attach, or wait until it ends")

// A runLock is held by the process that computes a run. The system frees it
// when the process ends, for whatever reason.
type runLock struct{ file *os.File }

// acquireLock takes a run's lock or returns an error that wraps errLocked.
func acquireLock(f Folder) (*runLock, error) {
	file, err := os.OpenFile(f.lock(), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock run %s: %w", f.Name(), err)
	}
	// A process that checks whether the run is live holds a shared lock for a
	// moment.
	for try := 0; ; try++ {
		err = lockFile(file, true)
		if !errors.Is(err, errLocked) || try == 5 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("lock run %s: %w", f.Name(), err)
	}
	return &runLock{file}, nil
}

// release frees the lock.
func (l *runLock) release() error { return l.file.Close() }

// locked reports whether a process holds a run's lock. It only needs read
// permission, so that it works for other users' runs and on a read-only file
// system.
func locked(f Folder) (bool, error) {
	file, err := os.Open(f.lock())
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("cannot tell whether a process computes the run: %w", err)
	}
	defer file.Close()
	err = lockFile(file, false)
	if errors.Is(err, errLocked) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("cannot tell whether a process computes the run: lock %s: %w", f.lock(), err)
	}
	return false, nil
}
