package dataset

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A mirror is a server with one file, and with faults.
type mirror struct {
	content []byte
	version string // entity tag

	cut         int  // bytes after which a connection breaks; 0 never
	ignoreRange bool // answers every request with the whole file
	hideSize    bool // sends chunks without a length
	hang        bool // keeps the connection open after cut bytes instead
	status      int  // answers that instead, failures times
	failures    int
	rangeFrom   int64 // added to where a partial answer claims to begin

	mu       sync.Mutex
	requests []string // "Range If-Range" of each
}

func (m *mirror) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	m.requests = append(m.requests, strings.TrimSpace(r.Header.Get("Range")+" "+r.Header.Get("If-Range")))
	n := len(m.requests)
	m.mu.Unlock()
	if n <= m.failures {
		w.WriteHeader(m.status)
		return
	}
	if m.version != "" {
		w.Header().Set("ETag", m.version)
	}
	from := 0
	ifRange := r.Header.Get("If-Range")
	if span := r.Header.Get("Range"); span != "" && !m.ignoreRange && (ifRange == "" || ifRange == m.version) {
		fmt.Sscanf(span, "bytes=%d-", &from)
		if from >= len(m.content) {
			w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
			return
		}
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", int64(from)+m.rangeFrom, len(m.content)-1, len(m.content)))
		w.Header().Set("Content-Length", fmt.Sprint(len(m.content)-from))
		w.WriteHeader(http.StatusPartialContent)
	} else if !m.hideSize {
		w.Header().Set("Content-Length", fmt.Sprint(len(m.content)))
	}
	if m.hideSize {
		w.(http.Flusher).Flush()
	}
	rest := m.content[from:]
	if m.cut > 0 && m.cut < len(rest) {
		w.Write(rest[:m.cut])
		w.(http.Flusher).Flush()
		if m.hang {
			<-r.Context().Done()
			return
		}
		panic(http.ErrAbortHandler)
	}
	w.Write(rest)
}

// asked returns the requests so far.
func (m *mirror) asked() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.requests)
}

// transferFrom starts the mirror and returns a transfer from it that is not
// patient.
func (m *mirror) transferFrom(t *testing.T) transfer {
	server := httptest.NewServer(m)
	t.Cleanup(server.Close)
	sum := md5.Sum(m.content)
	return transfer{
		url: server.URL, size: int64(len(m.content)), md5: hex.EncodeToString(sum[:]),
		patience: patience{attempts: 3, pause: time.Microsecond, stall: 10 * time.Second},
	}
}

// leftovers returns the names in dir.
func leftovers(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestFetch(t *testing.T) {
	archive := archived(t, layouts[0], smallSet())
	half := len(archive) / 2
	ranges := func(from int) string { return fmt.Sprintf("bytes=%d-", from) }
	for _, c := range []struct {
		name   string
		mirror *mirror
		part   []byte // on disk before, with its version
		old    string
		want   []string // requests
	}{
		{name: "at once", want: []string{""}},
		{name: "at once, size unknown", mirror: &mirror{hideSize: true}, want: []string{""}},
		{name: "connection cut", mirror: &mirror{cut: half + 1, version: `"a"`}, want: []string{"", fmt.Sprintf(`bytes=%d- "a"`, half+1)}},
		// More often than the transfer's patience would bear without progress.
		{name: "cut often", mirror: &mirror{cut: half / 2}, want: []string{"", ranges(half / 2), ranges(half / 2 * 2), ranges(half / 2 * 3)}},
		{name: "cut, no version", mirror: &mirror{cut: half + 1}, want: []string{"", ranges(half + 1)}},
		{name: "busy at first", mirror: &mirror{status: 503, failures: 2}, want: []string{"", "", ""}},
		{name: "resumed", mirror: &mirror{version: `"a"`}, part: archive[:100], old: `"a"`, want: []string{`bytes=100- "a"`}},
		{name: "resumed without range", mirror: &mirror{ignoreRange: true}, part: archive[:100], want: []string{"bytes=100-"}},
		{name: "changed meanwhile", mirror: &mirror{version: `"b"`}, part: []byte("of another version"), old: `"a"`, want: []string{`bytes=18- "a"`}},
		{name: "complete already", part: archive, want: nil},
		{name: "longer than it should be", part: append(bytes.Clone(archive), 0), want: []string{""}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.mirror == nil {
				c.mirror = new(mirror)
			}
			c.mirror.content = archive
			dir := t.TempDir()
			tr := c.mirror.transferFrom(t)
			if c.part != nil {
				part := writeFile(t, filepath.Join(dir, "cifar-10-binary.tar.gz.part"), c.part)
				writeFile(t, part+".version", []byte(c.old))
			}
			var last int64
			tr.progress = func(done, total int64) {
				if last = done; total != tr.size {
					t.Errorf("progress of %d", total)
				}
			}
			folder, err := fetch(t.Context(), dir, tr)
			if err != nil {
				t.Fatal(err)
			}
			if last != tr.size {
				t.Errorf("progress ended at %d of %d", last, tr.size)
			}
			if got := c.mirror.asked(); !slices.Equal(got, c.want) {
				t.Errorf("requests %q, want %q", got, c.want)
			}
			if got := leftovers(t, dir); len(got) != 1 {
				t.Errorf("the folder has %v beside the batches", got)
			}
			d, err := Open(Options{Set: CIFAR10, Path: dir})
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(asRecords(d.Train), records(0, 20)) {
				t.Error("images differ from those on the server")
			}
			before := len(c.mirror.asked())
			if again, err := fetch(t.Context(), dir, tr); err != nil || again != folder || len(c.mirror.asked()) != before {
				t.Errorf("fetching what is there: %q, %v, %d more requests", again, err, len(c.mirror.asked())-before)
			}
		})
	}
}

func TestFetchFails(t *testing.T) {
	archive := archived(t, layouts[0], smallSet())
	incomplete := smallSet()
	delete(incomplete, "data_batch_4.bin")
	large := smallSet()
	large["batches.meta.txt"] = make([]byte, maxMeta+1)
	for _, c := range []struct {
		name    string
		mirror  *mirror
		edit    func(*transfer)
		content []byte
		want    string
		kept    bool // whether the part stays for the next call
	}{
		{name: "not found", mirror: &mirror{status: 404, failures: 9}, want: "404 Not Found"},
		{name: "never ready", mirror: &mirror{status: 503, failures: 9}, want: "gave up after 3 failed attempts"},
		{name: "wrong sum", edit: func(t *transfer) { t.md5 = strings.Repeat("0", 32) }, want: "MD5 sum"},
		{name: "wrong size", edit: func(t *transfer) { t.size++ }, want: "is another one"},
		{name: "wrong size, not told", mirror: &mirror{hideSize: true}, edit: func(t *transfer) { t.size-- }, want: "more than", kept: true},
		{name: "too short, not told", mirror: &mirror{hideSize: true}, edit: func(t *transfer) { t.size++ }, want: "no more than"},
		{name: "silent", mirror: &mirror{cut: 100, hang: true}, edit: func(t *transfer) {
			t.patience = patience{attempts: 1, stall: 50 * time.Millisecond}
		}, want: "sent nothing", kept: true},
		{name: "wrong range", mirror: &mirror{cut: 100, rangeFrom: 1}, want: "byte 101 when asked for 100", kept: true},
		{name: "no server", edit: func(t *transfer) { t.url = "http://127.0.0.1:1" }, want: "or put the archive cifar-10-binary.tar.gz into"},
		{name: "no archive", content: []byte("no archive"), want: "it is text", kept: true},
		{name: "another archive", content: archived(t, layouts[1], pickled(t)), want: "has no cifar-10-batches-bin/data_batch_1.bin", kept: true},
		{name: "a batch less", content: archived(t, layouts[0], incomplete), want: "data_batch_4.bin", kept: true},
		{name: "a file too large", content: archived(t, layouts[0], large), want: "more than 4096 bytes", kept: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.mirror == nil {
				c.mirror = new(mirror)
			}
			if c.mirror.content = c.content; c.content == nil {
				c.mirror.content = archive
			}
			dir, tr := t.TempDir(), c.mirror.transferFrom(t)
			if c.edit != nil {
				c.edit(&tr)
			}
			_, err := fetch(t.Context(), dir, tr)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v, want one that says %q", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "\n") {
				t.Errorf("error is more than a sentence: %v", err)
			}
			for _, name := range leftovers(t, dir) {
				if !c.kept || !strings.HasPrefix(name, "cifar-10-binary.tar.gz.part") {
					t.Errorf("%s stays behind", name)
				}
			}
			t.Log(err)
		})
	}
}

func TestFetchCancelledResumes(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	m := &mirror{content: archived(t, layouts[0], smallSet()), version: `"a"`, cut: 200, hang: true}
	tr, dir := m.transferFrom(t), t.TempDir()
	tr.progress = func(done, _ int64) {
		if done == 200 {
			cancel()
		}
	}
	if _, err := fetch(ctx, dir, tr); !errors.Is(err, context.Canceled) {
		t.Fatalf("cancelled fetch ends with %v", err)
	}
	m.cut = 0
	tr.progress = nil
	if _, err := fetch(t.Context(), dir, tr); err != nil {
		t.Fatal(err)
	}
	if got, want := m.asked(), []string{"", `bytes=200- "a"`}; !slices.Equal(got, want) {
		t.Errorf("the two calls asked for %q, want %q", got, want)
	}
}

// TestSlowIsNotSilent takes longer than a stall may last, but never stalls.
func TestSlowIsNotSilent(t *testing.T) {
	const stall = 500 * time.Millisecond
	content := archived(t, layouts[0], smallSet())
	requests := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests++
		for piece := range slices.Chunk(content, len(content)/6+1) {
			w.Write(piece)
			w.(http.Flusher).Flush()
			time.Sleep(stall / 4)
		}
	}))
	defer server.Close()
	sum := md5.Sum(content)
	_, err := fetch(t.Context(), t.TempDir(), transfer{
		url: server.URL, size: int64(len(content)), md5: hex.EncodeToString(sum[:]),
		patience: patience{attempts: 1, stall: stall},
	})
	if err != nil || requests != 1 {
		t.Errorf("%d requests, %v", requests, err)
	}
}

func TestFetchLeavesFoldersOfOthersAlone(t *testing.T) {
	files := smallSet()
	delete(files, "data_batch_2.bin")
	dir := writeFolder(t, layouts[0], files)
	if _, err := fetch(t.Context(), dir, transfer{}); err == nil || !strings.Contains(err.Error(), "data_batch_2.bin") {
		t.Errorf("into an incomplete folder: %v", err)
	}
	blocked := writeFile(t, filepath.Join(t.TempDir(), "file"), nil)
	if _, err := fetch(t.Context(), filepath.Join(blocked, "below"), transfer{}); err == nil || !strings.Contains(err.Error(), "--data") {
		t.Errorf("into a folder that cannot be: %v", err)
	}
}

func TestParseContentRange(t *testing.T) {
	for _, c := range []struct {
		header     string
		from, size int64
		ok         bool
	}{
		{"bytes 100-199/200", 100, 200, true},
		{"bytes 100-199/*", 100, -1, true},
		{"", 0, 0, false},
		{"bytes */200", 0, 0, false},
		{"bytes x-1/2", 0, 0, false},
		{"bytes 0-1/x", 0, 0, false},
	} {
		from, size, err := parseContentRange(c.header)
		if (err == nil) != c.ok || from != c.from && c.ok || size != c.size && c.ok {
			t.Errorf("%q: %d, %d, %v", c.header, from, size, err)
		}
	}
}
