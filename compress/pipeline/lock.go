package pipeline

import (
	"errors"
	"fmt"
	"os"
	"time"
)

// errLocked is returned while another process computes a run.
var errLocked = errors.New("the run is being computed by another process: look on with attach, or wait for its end")

// A runLock is the right to compute a run. The system frees it when the process
// ends, however it ends.
type runLock struct{ file *os.File }

// acquireLock takes a run's lock or returns an error that wraps errLocked.
func acquireLock(f Folder) (*runLock, error) {
	file, err := os.OpenFile(f.lock(), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock run %s: %w", f.Name(), err)
	}
	// Who looks whether the run is live shares the lock for a moment.
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

// Release frees the lock.
func (l *runLock) Release() error { return l.file.Close() }

// locked reports whether a process holds a run's lock. It takes no more than the
// right to read, so that it also tells of other users' runs and of those on a
// file system that is read-only.
func locked(f Folder) (bool, error) {
	file, err := os.Open(f.lock())
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("whether a process computes the run cannot be seen: %w", err)
	}
	defer file.Close()
	err = lockFile(file, false)
	if errors.Is(err, errLocked) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("whether a process computes the run cannot be seen: lock %s: %w", f.lock(), err)
	}
	return false, nil
}
