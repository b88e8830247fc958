package configs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"unicode/utf16"
	"unicode/utf8"
)

// plainText returns a document as UTF-8 without a byte order mark. Directives
// such as %YAML 1.2 become comments, so that lines keep their numbers.
func plainText(document []byte) ([]byte, error) {
	text, err := toUTF8(document)
	if err != nil {
		return nil, err
	}
	lines := bytes.SplitAfter(text, []byte("\n"))
	for i, line := range lines {
		if bytes.HasPrefix(line, []byte("%")) {
			lines[i] = append([]byte("#"), line[1:]...)
			continue
		}
		if line := bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' {
			break // directives come first
		}
	}
	return bytes.Join(lines, nil), nil
}

// toUTF8 decodes what a byte order mark, or YAML's rule without one (its first
// character is ASCII, YAML 1.2.2 section 5.2), says.
func toUTF8(b []byte) ([]byte, error) {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(b, []byte("\xff\xfe")):
		order, b = binary.LittleEndian, b[2:]
	case bytes.HasPrefix(b, []byte("\xfe\xff")):
		order, b = binary.BigEndian, b[2:]
	case len(b) >= 2 && b[0] == 0 && b[1] != 0:
		order = binary.BigEndian
	case len(b) >= 2 && b[0] != 0 && b[1] == 0:
		order = binary.LittleEndian
	default:
		b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
		if !utf8.Valid(b) {
			return nil, errors.New("the file is neither UTF-8 nor UTF-16: save it as UTF-8")
		}
		return b, nil
	}
	if len(b)%2 != 0 {
		return nil, errors.New("the file is UTF-16 and ends within a character: save it as UTF-8")
	}
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = order.Uint16(b[2*i:])
	}
	return []byte(string(utf16.Decode(units))), nil
}
