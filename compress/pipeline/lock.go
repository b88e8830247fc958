package pipeline

import (
	"errors"
	"fmt"
	"os"
	"time"
)

// ErrLocked is returned while another process computes a run.
var ErrLocked = errors.New("the run is being computed by another process: look on with attach, or wait for its end")

// A Lock is the right to compute a run. The system frees it when the process
// ends, however it ends.
type Lock struct{ file *os.File }

// AcquireLock takes a run's lock or returns an error that wraps ErrLocked.
func AcquireLock(f Folder) (*Lock, error) {
	file, err := os.OpenFile(f.lock(), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock run %s: %w", f.Name(), err)
	}
	// A list of runs holds the lock for a moment to see whether it is free.
	for try := 0; ; try++ {
		err = lockFile(file)
		if !errors.Is(err, ErrLocked) || try == 5 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("lock run %s: %w", f.Name(), err)
	}
	return &Lock{file}, nil
}

// Release frees the lock.
func (l *Lock) Release() error { return l.file.Close() }
