// Package atomicfile writes files atomically: a reader finds the old content or
// the new one, never a part, even if the process is killed, the disk fills up
// or the power fails.
package atomicfile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
)

// Write calls write to fill a temporary file beside path, syncs it, renames it
// to path and syncs the folder. If it fails, it leaves nothing behind, and path
// is unchanged. A process that is killed in Write leaves a file that
// IsTemporary recognises.
func Write(path string, write func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.tmp")
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) {
		err = fmt.Errorf("%w; check that the folder exists and may be written", err)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	err = write(f)
	if err == nil {
		err = f.Chmod(0o644) // CreateTemp makes files private
	}
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
		return fmt.Errorf("write %s: %w", path, err)
	}
	return syncFolder(filepath.Dir(path))
}

var temporary = regexp.MustCompile(`^\..+\.[0-9]+\.tmp$`)

// IsTemporary reports whether a file's name, without its folder, is that of a
// file that Write has not completed.
func IsTemporary(name string) bool { return temporary.MatchString(name) }
