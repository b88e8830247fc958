package dataset

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// The archive that the authors of CIFAR-10 publish: its address, its size, and
// its MD5 sum. They publish no stronger sum.
const (
	archiveURL   = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
	archiveBytes = 170_052_171
	archiveMD5   = "c32a1d4ab5d03f1284b67883e8d87530"
)

// The largest files that are extracted, in bytes: a batch of the official size,
// and the list of class names.
const (
	maxBatch = 10_000 * recordBytes
	maxMeta  = 4096
	metaFile = "batches.meta.txt"
)

// Fetch downloads CIFAR-10 in the binary layout and unpacks its batches into
// the folder cifar-10-batches-bin of dir. It returns that folder's path. It
// does nothing if the folder is complete. If dir is CacheDir, Open finds it.
//
// A download that breaks off is resumed from the file in dir that holds its
// beginning, within this call and by the next one. Nothing is unpacked before
// size and sum are right, and the folder appears whole or not at all. progress,
// if not nil, is called often with the bytes on disk, which go back to 0 if a
// server cannot resume. Two calls must not use the same dir at the same time.
func Fetch(ctx context.Context, dir string, progress func(done, total int64)) (string, error) {
	return fetch(ctx, dir, transfer{
		url: archiveURL, size: archiveBytes, md5: archiveMD5,
		patience: defaultPatience,
		progress: progress,
	})
}

// fetch is Fetch for any archive.
func fetch(ctx context.Context, dir string, t transfer) (string, error) {
	folder := filepath.Join(dir, layouts[0].folder)
	if done, err := fetched(folder); err != nil || done {
		return folder, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("fetching CIFAR-10: %w: name another folder with --data", err)
	}
	t.path = filepath.Join(dir, layouts[0].archive+".part")
	if t.progress == nil {
		t.progress = func(int64, int64) {}
	}
	if err := t.run(ctx); err != nil {
		return "", fmt.Errorf("fetching CIFAR-10 from %s: %w", t.url, err)
	}
	if err := t.verify(); err != nil {
		return "", fmt.Errorf("fetching CIFAR-10 from %s: %w", t.url, err)
	}
	if err := unpack(ctx, t.path, folder); err != nil {
		return "", fmt.Errorf("unpacking CIFAR-10 into %s: %w", dir, err)
	}
	if err := t.remove(); err != nil {
		return "", fmt.Errorf("tidying up after CIFAR-10 was unpacked: %w", err)
	}
	return folder, nil
}

// fetched reports whether folder holds all batches. Fetch never leaves a folder
// with only some, so such a folder is the user's and an error.
func fetched(folder string) (bool, error) {
	if _, err := os.Lstat(folder); err != nil {
		return false, nil // if there is more to it, making the folder will tell
	}
	for _, name := range layouts[0].files(false) {
		if _, err := os.Stat(filepath.Join(folder, name)); err != nil {
			return false, fmt.Errorf("fetching CIFAR-10: the folder is there but not complete: %w: remove it and fetch again", err)
		}
	}
	return true, nil
}

// unpack extracts the batches of an archive to a temporary folder beside
// folder, and then renames it.
func unpack(ctx context.Context, archive, folder string) (err error) {
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close()
	temporary := folder + ".unpacking"
	// An earlier call may have been killed here.
	if err := os.RemoveAll(temporary); err != nil {
		return err
	}
	if err := os.Mkdir(temporary, 0o755); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = alongside(err, os.RemoveAll(temporary))
		}
	}()
	l := layouts[0]
	missing := l.files(false)
	err = walkArchive(layouts, f, archive, func(of *layout, name string, content io.Reader) (bool, error) {
		limit := int64(maxBatch)
		at := slices.Index(missing, name)
		switch {
		case of == l && name == metaFile:
			limit = maxMeta
		case of == l && at >= 0:
			missing = slices.Delete(missing, at, at+1)
		default:
			return true, nil
		}
		return true, extract(ctx, filepath.Join(temporary, name), content, limit)
	})
	if err != nil {
		return err
	}
	if len(missing) > 0 {
		return fmt.Errorf("%s has no %s/%s: remove it and fetch again", archive, l.folder, missing[0])
	}
	return os.Rename(temporary, folder)
}

// extract writes content, of at most limit bytes, to a new file.
func extract(ctx context.Context, path string, content io.Reader, limit int64) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	n, err := io.Copy(f, io.LimitReader(content, limit+1))
	if err == nil && n > limit {
		err = fmt.Errorf("%s has more than %d bytes: the archive is not the official one", filepath.Base(path), limit)
	}
	if err == nil {
		// Before the folder gets its name: otherwise a crash could leave empty
		// files in it.
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = ctx.Err()
	}
	return err
}
