// Package atomicfile writes files that are whole: a reader finds the old
// content or the new, never a part, whatever happens to the process, the disk
// or the power in between.
package atomicfile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
)

// Write lets write fill a temporary file beside path, brings it to the disk,
// renames it to path and brings the folder to the disk. Where it fails nothing
// is left behind, and what was at path is still there. A process that is killed
// inside it leaves a file whose name IsTemporary tells.
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

// IsTemporary reports whether a file's name, without its folder, is one that a
// file has until it is complete.
func IsTemporary(name string) bool { return temporary.MatchString(name) }
