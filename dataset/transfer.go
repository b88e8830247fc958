package dataset

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A transfer downloads a file of known size. A broken transfer leaves what has
// arrived on disk, to be resumed.
type transfer struct {
	url      string
	size     int64  // in bytes
	md5      string // in hexadecimal
	path     string // of the file on disk
	patience patience
	progress func(done, total int64)

	answered bool // by the server, however
}

// patience says how long a transfer keeps trying.
type patience struct {
	attempts int           // in a row that bring nothing
	pause    time.Duration // after the first of them; doubles with every other
	stall    time.Duration // without a byte until a connection counts as dead
}

var defaultPatience = patience{attempts: 5, pause: time.Second, stall: 30 * time.Second}

// permanent marks an error that trying again would not cure.
type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

// errStalled is the cause of a connection that was given up.
var errStalled = errors.New("the server sent nothing for too long")

// run transfers until the file has its size.
func (t *transfer) run(ctx context.Context) error {
	for failed := 0; ; {
		before, err := t.have()
		if err != nil {
			return err
		}
		if before == t.size {
			t.progress(before, t.size)
			return nil
		}
		err = t.attempt(ctx, before)
		if err == nil {
			continue
		}
		if cause := ctx.Err(); cause != nil {
			return fmt.Errorf("%w; what has arrived is kept, fetch again to resume", cause)
		}
		if p, ok := errors.AsType[permanent](err); ok {
			return p.error
		}
		if !t.answered {
			// Most likely there is no network, and waiting would not make one.
			return fmt.Errorf("%w; check the network and fetch again, or put the archive %s into %s",
				err, layouts[0].archive, filepath.Dir(t.path))
		}
		if after, statErr := t.have(); statErr == nil && after > before {
			failed = 0
		}
		if failed++; failed >= t.patience.attempts {
			return fmt.Errorf("%w; gave up after %d failed attempts: check the network and fetch again, which resumes", err, failed)
		}
		select {
		case <-time.After(t.patience.pause << (failed - 1)):
		case <-ctx.Done():
		}
	}
}

// have returns the size of what is on disk.
func (t *transfer) have() (int64, error) {
	info, err := os.Stat(t.path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	if info.Size() > t.size {
		return 0, t.remove() // never the beginning of this file
	}
	return info.Size(), nil
}

// attempt makes one request for the rest of the file, and appends what comes.
func (t *transfer) attempt(ctx context.Context, have int64) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watchdog := time.AfterFunc(t.patience.stall, func() { cancel(errStalled) })
	defer watchdog.Stop()

	request, err := http.NewRequestWithContext(ctx, http.MethodGet, t.url, nil)
	if err != nil {
		return permanent{err}
	}
	// The archive is compressed already; a second layer would hide its size.
	request.Header.Set("Accept-Encoding", "identity")
	version := ""
	if have > 0 {
		version = t.version()
		request.Header.Set("Range", fmt.Sprintf("bytes=%d-", have))
		if version != "" {
			request.Header.Set("If-Range", version)
		}
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err // without the address, which the caller names
		}
		return stalled(ctx, err)
	}
	defer response.Body.Close()
	t.answered = true
	from, err := t.check(response, have)
	if err != nil {
		return err
	}
	if from == 0 {
		if err := t.keepVersion(response); err != nil {
			return permanent{err}
		}
	}
	return t.write(ctx, from, &alarmed{response.Body, watchdog, t.patience.stall})
}

// check returns the byte at which a response begins.
func (t *transfer) check(response *http.Response, have int64) (from int64, err error) {
	var size int64
	switch status := response.StatusCode; {
	case status == http.StatusOK:
		// The whole file: the first request, a server that cannot resume, or a
		// file that has changed.
		size = response.ContentLength
	case status == http.StatusPartialContent:
		from, size, err = parseContentRange(response.Header.Get("Content-Range"))
		if err != nil {
			return 0, permanent{err}
		}
		if from != have {
			return 0, permanent{fmt.Errorf("the server answered with byte %d when asked for %d and later: fetch from another network, or download the archive elsewhere and name it with --data", from, have)}
		}
	case status == http.StatusRequestedRangeNotSatisfiable:
		return 0, permanent{alongside(fmt.Errorf("the server has no more than %d bytes instead of %d, so it has another file; the part that was kept was removed; fetch again, or name the archive with --data", have, t.size), t.remove())}
	case status >= 500 || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout:
		return 0, fmt.Errorf("the server answers %s", response.Status)
	default:
		return 0, permanent{fmt.Errorf("the server answers %s: download the archive elsewhere and name it with --data", response.Status)}
	}
	if size >= 0 && size != t.size {
		return 0, permanent{fmt.Errorf("the server has a file of %d bytes instead of %d: it is another one, download the archive elsewhere and name it with --data", size, t.size)}
	}
	return from, nil
}

// parseContentRange reads a header such as "bytes 100-199/200". The size is −1
// if the server does not say it.
func parseContentRange(s string) (from, size int64, err error) {
	bad := fmt.Errorf("the server answers with the range %q, which is invalid: download the archive elsewhere and name it with --data", s)
	span, total, ok1 := strings.Cut(strings.TrimPrefix(s, "bytes "), "/")
	first, _, ok2 := strings.Cut(span, "-")
	if !ok1 || !ok2 {
		return 0, 0, bad
	}
	if from, err = strconv.ParseInt(first, 10, 64); err != nil {
		return 0, 0, bad
	}
	if total == "*" {
		return from, -1, nil
	}
	if size, err = strconv.ParseInt(total, 10, 64); err != nil {
		return 0, 0, bad
	}
	return from, size, nil
}

// write puts the file's bytes from offset from on to disk.
func (t *transfer) write(ctx context.Context, from int64, body io.Reader) (err error) {
	f, err := os.OpenFile(t.path, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return permanent{err}
	}
	defer func() {
		if closeErr := f.Close(); closeErr != nil {
			err = permanent{alongside(closeErr, err)}
		}
	}()
	if err := f.Truncate(from); err != nil {
		return permanent{err}
	}
	if _, err := f.Seek(from, io.SeekStart); err != nil {
		return permanent{err}
	}
	buf := make([]byte, 128<<10)
	for at := from; ; {
		n, readErr := body.Read(buf)
		if at+int64(n) > t.size {
			return permanent{fmt.Errorf("the server sends more than %d bytes: it has another file, download the archive elsewhere and name it with --data", t.size)}
		}
		if _, err := f.Write(buf[:n]); err != nil {
			return permanent{fmt.Errorf("%w; what has arrived is kept: make room and fetch again", err)}
		}
		at += int64(n)
		t.progress(at, t.size)
		switch {
		case readErr == io.EOF && at == t.size:
			return f.Sync()
		case readErr == io.EOF:
			return fmt.Errorf("the connection ended at byte %d of %d", at, t.size)
		case readErr != nil:
			return fmt.Errorf("the connection broke at byte %d of %d: %w", at, t.size, stalled(ctx, readErr))
		}
	}
}

// stalled returns errStalled instead of err where that was the reason.
func stalled(ctx context.Context, err error) error {
	if context.Cause(ctx) == errStalled {
		return errStalled
	}
	return err
}

// alongside returns err, and in the same sentence the error of cleaning up
// after it, if any.
func alongside(err, cleanup error) error {
	switch {
	case cleanup == nil:
		return err
	case err == nil:
		return cleanup
	}
	return fmt.Errorf("%w, and then %w", err, cleanup)
}

// An alarmed reader puts off an alarm with every byte.
type alarmed struct {
	r     io.Reader
	alarm *time.Timer
	after time.Duration
}

func (a *alarmed) Read(p []byte) (int, error) {
	n, err := a.r.Read(p)
	if n > 0 {
		a.alarm.Reset(a.after)
	}
	return n, err
}

// A file beside the download holds the server's name for its version, an entity
// tag or a date: the rest of one version must not be appended to the beginning
// of another.
func (t *transfer) versionPath() string { return t.path + ".version" }

func (t *transfer) version() string {
	b, err := os.ReadFile(t.versionPath())
	if err != nil || len(b) > 256 || strings.ContainsAny(string(b), "\r\n") {
		return ""
	}
	return string(b)
}

func (t *transfer) keepVersion(response *http.Response) error {
	version := response.Header.Get("ETag")
	if version == "" || strings.HasPrefix(version, "W/") { // weak tags name no bytes
		version = response.Header.Get("Last-Modified")
	}
	return os.WriteFile(t.versionPath(), []byte(version), 0o644)
}

// verify checks the sum of the whole file. It removes a wrong file, since
// resuming would never make it right.
func (t *transfer) verify() error {
	f, err := os.Open(t.path)
	if err != nil {
		return err
	}
	sum := md5.New()
	_, err = io.Copy(sum, f)
	f.Close() // only read
	if err != nil {
		return fmt.Errorf("checking the sum: %w", err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != t.md5 {
		return alongside(fmt.Errorf("the MD5 sum is %s instead of %s, so the download is damaged or the server has another file; it was removed, fetch again", got, t.md5), t.remove())
	}
	return nil
}

// remove removes the file and what stands beside it.
func (t *transfer) remove() error {
	for _, path := range []string{t.path, t.versionPath()} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
