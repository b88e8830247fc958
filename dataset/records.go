package dataset

import (
	"fmt"
	"io"
)

// A formatError says where a data file breaks its format.
type formatError struct {
	File    string // where it lies, and after a colon its name inside an archive
	Offset  int64  // in bytes from its beginning
	Problem string // what is wrong and what to do
}

func (e *formatError) Error() string {
	return fmt.Sprintf("reading %s, offset %d: %s", e.File, e.Offset, e.Problem)
}

// A record of the binary layout is a label byte and an image. A file may have
// any whole number of records, up to ten times an official file.
const (
	recordBytes = 1 + cifarBytes
	maxRecords  = 100_000
)

// readRecords reads a file of the binary layout.
func readRecords(r io.Reader, file string, size int64) (*Split, error) {
	return labelled{bytes: 1, classes: len(cifarClasses)}.readRecords(r, file, size)
}

// labelled says how many bytes of label a record begins with, which of them counts,
// and how many classes there are.
type labelled struct{ bytes, at, classes int }

// readRecords reads a file of such records.
func (l labelled) readRecords(r io.Reader, file string, size int64) (*Split, error) {
	length := l.bytes + cifarBytes
	s := newSplit(cifarShape, int(min(size/int64(length), maxRecords)))
	buf := make([]byte, 64*length)
	for offset := int64(0); ; {
		n, err := fill(r, buf)
		if err != nil && err != io.EOF {
			return nil, fmt.Errorf("reading %s, offset %d: %w", file, offset+int64(n), err)
		}
		for at := 0; at+length <= n; at += length {
			record := buf[at : at+length]
			label := record[l.at]
			if int(label) >= l.classes {
				return nil, &formatError{file, offset + int64(at), fmt.Sprintf(
					"the label of record %d is %d instead of 0 to %d: the file is damaged or of another data set, get it again", s.Len(), label, l.classes-1)}
			}
			if s.Len() == maxRecords {
				return nil, &formatError{file, offset + int64(at), fmt.Sprintf("more than %d records: split the file", maxRecords)}
			}
			s.Labels = append(s.Labels, uint16(label))
			s.Images = append(s.Images, record[l.bytes:]...)
		}
		offset += int64(n)
		if err == nil {
			continue
		}
		if rest := offset % int64(length); rest != 0 {
			return nil, &formatError{file, offset, fmt.Sprintf(
				"the file ends %d bytes into record %d of %d bytes: it is truncated, get it again", rest, s.Len(), length)}
		}
		if s.Len() == 0 {
			return nil, &formatError{file, 0, "the file is empty: get it again"}
		}
		return s, nil
	}
}

// fill reads until buf is full or r ends. Unlike io.ReadFull it returns r's own
// error, so that a truncated archive is not taken for the end of a file.
func fill(r io.Reader, buf []byte) (n int, err error) {
	for n < len(buf) && err == nil {
		var k int
		k, err = r.Read(buf[n:])
		n += k
	}
	return n, err
}
