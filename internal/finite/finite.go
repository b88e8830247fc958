// Package finite tells numbers from NaN and infinity, and writes such values to
// JSON, which has no form for them, as null.
package finite

import (
	"encoding/json"
	"math"
)

// Is reports whether v is neither NaN nor infinite.
func Is[T ~float32 | ~float64](v T) bool { return v-v == 0 }

// First returns the index of the first value that is NaN or infinite, or -1.
func First(values []float32) int {
	for i, v := range values {
		if v-v != 0 {
			return i
		}
	}
	return -1
}

// An OrNull is a float64 that is null in JSON when it is not finite. Null reads
// as NaN.
type OrNull float64

// MarshalJSON writes the number, or null.
func (n OrNull) MarshalJSON() ([]byte, error) {
	if !Is(float64(n)) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(n))
}

// UnmarshalJSON reads what MarshalJSON writes.
func (n *OrNull) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		*n = OrNull(math.NaN())
		return nil
	}
	return json.Unmarshal(data, (*float64)(n))
}
