package weights

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// writeAtomic lets write fill a temporary file beside path, brings it to the
// disk and renames it to path: a reader sees the old file or the new one,
// whatever happens in between. Nothing is left behind when write fails.
func writeAtomic(path string, write func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.tmp")
	if err != nil {
		return fmt.Errorf("creating a file in %s: %w; check that the folder exists and may be written", filepath.Dir(path), err)
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if err := write(f); err != nil {
		return err
	}
	// CreateTemp makes files private; a checkpoint is an ordinary file.
	if err := f.Chmod(0o644); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	// The rename itself reaches the disk with the folder. Not every system
	// can sync a folder, and the file is complete without, so errors pass.
	if d, err := os.Open(filepath.Dir(path)); err == nil {
		d.Sync()
		d.Close()
	}
	return nil
}
