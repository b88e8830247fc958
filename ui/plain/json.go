package plain

import (
	"encoding/json"
	"io"

	"espalier/compress/pipeline"
)

// JSON prints events as the journal has them.
type JSON struct{ encoder *json.Encoder }

// NewJSON returns a printer of one JSON object a line.
func NewJSON(w io.Writer) *JSON { return &JSON{json.NewEncoder(w)} }

// Print writes one event.
func (j *JSON) Print(e pipeline.Event) error { return j.encoder.Encode(e) }
