package dataset

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"

	"espalier/internal/filekind"
)

// maxUnpacked bounds what an archive may unpack to, in bytes. The official
// ones unpack to 184 MB.
const maxUnpacked = 1 << 30

// readArchive reads the files of an archive in either layout.
func readArchive(layouts []*layout, name string, testOnly bool) (*layout, map[string]*Split, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, fmt.Errorf("reading %w", err)
	}
	defer f.Close()
	return readArchiveFrom(layouts, f, name, testOnly)
}

// readArchiveFrom reads an archive. Errors call it name.
func readArchiveFrom(layouts []*layout, r io.Reader, name string, testOnly bool) (*layout, map[string]*Split, error) {
	parts := make(map[string]*Split)
	var of *layout
	err := walkArchive(layouts, r, name, func(l *layout, file string, content io.Reader) (more bool, err error) {
		if of != nil && of != l {
			return false, fmt.Errorf("reading %s holds both %s and %s: use an archive with one of them", name, of.folder, l.folder)
		}
		of = l
		wanted := l.files(testOnly)
		if !slices.Contains(wanted, file) {
			return true, nil
		}
		if parts[file] != nil {
			return false, fmt.Errorf("reading %s holds %s twice: get it again", name, file)
		}
		if parts[file], err = l.read(content, name+":"+l.folder+"/"+file, 0); err != nil {
			return false, err
		}
		return len(parts) < len(wanted), nil
	})
	if err != nil {
		return nil, nil, err
	}
	if of == nil {
		return nil, nil, fmt.Errorf("reading %s holds neither %s nor %s: name the archive %s or %s, or a folder",
			name, layouts[0].folder, layouts[1].folder, layouts[0].archive, layouts[1].archive)
	}
	for _, file := range of.files(testOnly) {
		if parts[file] == nil {
			return nil, nil, fmt.Errorf("reading %s:%s/%s is missing: get the archive again", name, of.folder, file)
		}
	}
	return of, parts, nil
}

// walkArchive calls see with every regular file of every folder that belongs to
// a layout, until see returns false.
func walkArchive(layouts []*layout, r io.Reader, name string, see func(l *layout, file string, content io.Reader) (more bool, err error)) error {
	packed := &counter{r: r}
	wrap := func(err error) error {
		return fmt.Errorf("reading %s, offset %d: %w: the archive is damaged or truncated, get it again", name, packed.n, err)
	}
	in := bufio.NewReaderSize(packed, 1<<16)
	head, _ := in.Peek(512) // a shorter file is told below
	var stream io.Reader = in
	switch kind := filekind.Of(head); {
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		gz, err := gzip.NewReader(in)
		if err != nil {
			return wrap(err)
		}
		stream = gz
	case bytes.HasPrefix(head, []byte("BZh")):
		stream = bzip2.NewReader(in)
	case len(head) >= 262 && string(head[257:262]) == "ustar":
	case len(head) > 0 && (head[0] == 0x80 || head[0] < 10 || bytes.HasPrefix(head, []byte("(d"))):
		return fmt.Errorf("reading %s: it is one file, most likely a single batch: name the folder that holds all of them", name)
	case kind != "":
		return fmt.Errorf("reading %s: it is %s; a folder of batches or a .tar.gz, .tar.bz2 or .tar archive of one is read", name, kind)
	default:
		return fmt.Errorf("reading %s: it is no archive: name a folder of batches, or a .tar.gz, .tar.bz2 or .tar archive of one", name)
	}
	unpacked := &counter{r: stream, limit: maxUnpacked}
	for tr := tar.NewReader(unpacked); ; {
		header, err := tr.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return wrap(err)
		}
		dir, file := path.Split(path.Clean(header.Name))
		for _, l := range layouts {
			if dir != l.folder+"/" || header.Typeflag != tar.TypeReg {
				continue
			}
			if more, err := see(l, file, tr); err != nil || !more {
				return err
			}
		}
	}
}

// A counter counts the bytes that are read through it. With a limit it passes
// no more bytes than that.
type counter struct {
	r     io.Reader
	n     int64
	limit int64 // 0 is none
}

var errTooLarge = errors.New("it unpacks to more than 1 GiB")

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	if c.limit > 0 && c.n > c.limit {
		return 0, errTooLarge
	}
	return n, err
}
