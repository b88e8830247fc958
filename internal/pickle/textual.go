package pickle

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"
)

// textual pushes a value that protocol 0 writes as a line of text.
func (m *machine) textual(code byte) error {
	limit := maxNumber
	if code == opString || code == opUnicode {
		limit = len(m.in)
	}
	line, err := m.lineOf(limit)
	if err != nil {
		return err
	}
	switch code {
	case opUnicode:
		text, err := rawUnicode(line)
		return m.pushed(text, err)
	case opString:
		b, err := quoted(line)
		return m.pushed(b, err)
	case opFloat:
		v, err := strconv.ParseFloat(string(line), 64)
		if err != nil && !errors.Is(err, strconv.ErrRange) {
			return fmt.Errorf("%.32q is not a number; the file is damaged", line)
		}
		m.push(v)
		return nil
	}
	text := string(line)
	if code == opInt && (text == "00" || text == "01") {
		m.push(text == "01") // how protocol 0 writes booleans
		return nil
	}
	v, err := decimal(strings.TrimSuffix(text, "L"))
	return m.pushed(v, err)
}

// decimal reads an integer.
func decimal(text string) (any, error) {
	if v, err := strconv.ParseInt(text, 10, 64); err == nil {
		return v, nil
	}
	v, ok := new(big.Int).SetString(text, 10)
	if !ok {
		return nil, fmt.Errorf("%.32q is not a number; the file is damaged", text)
	}
	return v, nil
}

// rawUnicode decodes Python's raw-unicode-escape: bytes stand for the first 256
// characters, \uXXXX and \UXXXXXXXX for any.
func rawUnicode(line []byte) (string, error) {
	out := make([]byte, 0, len(line)+len(line)/4)
	for i := 0; i < len(line); {
		digits := 0
		if line[i] == '\\' && i+1 < len(line) {
			switch line[i+1] {
			case 'u':
				digits = 4
			case 'U':
				digits = 8
			}
		}
		if digits == 0 {
			out = utf8.AppendRune(out, rune(line[i]))
			i++
			continue
		}
		if i+2+digits > len(line) {
			return "", errors.New("a string ends within a character; the file is damaged")
		}
		v, err := strconv.ParseUint(string(line[i+2:i+2+digits]), 16, 32)
		if err != nil || v > utf8.MaxRune {
			return "", errors.New("a string holds an invalid character; the file is damaged")
		}
		out = utf8.AppendRune(out, rune(v))
		i += 2 + digits
	}
	return string(out), nil
}

// quoted decodes a string of Python 2 as in source code: in quotes, with
// escapes.
func quoted(line []byte) ([]byte, error) {
	bad := errors.New("a string is not quoted as Python quotes it; the file is damaged")
	line = bytes.TrimSpace(line)
	if len(line) < 2 || line[0] != line[len(line)-1] || (line[0] != '\'' && line[0] != '"') {
		return nil, bad
	}
	line = line[1 : len(line)-1]
	out := make([]byte, 0, len(line))
	for i := 0; i < len(line); i++ {
		if line[i] != '\\' {
			out = append(out, line[i])
			continue
		}
		if i++; i == len(line) {
			return nil, bad
		}
		switch c := line[i]; c {
		case '\\', '\'', '"':
			out = append(out, c)
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'x':
			if i+2 >= len(line) {
				return nil, bad
			}
			v, err := strconv.ParseUint(string(line[i+1:i+3]), 16, 8)
			if err != nil {
				return nil, bad
			}
			out = append(out, byte(v))
			i += 2
		default:
			return nil, bad
		}
	}
	return out, nil
}
