package ui

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// A table is what a pane shows, as data. Shares are fractions and times are
// seconds unless a column's name says otherwise.
type table struct {
	columns []string
	rows    [][]any // strings, ints, bools and floats, one for each column
}

func (t *table) add(values ...any) { t.rows = append(t.rows, values) }

// csv writes a line of names, then a line for each row (RFC 4180).
func (t *table) csv(w io.Writer) error {
	out := csv.NewWriter(w)
	_ = out.Write(t.columns) // Error tells
	line := make([]string, len(t.columns))
	for _, row := range t.rows {
		for i, v := range row {
			if f, ok := v.(float64); ok {
				line[i] = strconv.FormatFloat(f, 'g', -1, 64)
			} else {
				line[i] = fmt.Sprint(v)
			}
		}
		_ = out.Write(line)
	}
	out.Flush()
	return out.Error()
}

// json writes an array of an object for each row, the columns in their order.
// Numbers that are not finite become null: JSON has none of them.
func (t *table) json(w io.Writer) error {
	var b strings.Builder
	b.WriteString("[")
	for i, row := range t.rows {
		if i > 0 {
			b.WriteString(",")
		}
		b.WriteString("\n{")
		for k, v := range row {
			if k > 0 {
				b.WriteString(",")
			}
			if f, ok := v.(float64); ok && (math.IsNaN(f) || math.IsInf(f, 0)) {
				v = nil
			}
			value, err := json.Marshal(v)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, "%q:%s", t.columns[k], value)
		}
		b.WriteString("}")
	}
	b.WriteString("\n]\n")
	_, err := io.WriteString(w, b.String())
	return err
}
