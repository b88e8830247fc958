package pipeline

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// Schema is the version of the journal's format. A reader refuses newer ones.
const Schema = 1

// envelope is an event's JSON form: one line of a journal.
type envelope struct {
	Seq  int64           `json:"seq"`
	Time time.Time       `json:"time"`
	Kind string          `json:"kind"`
	Data json.RawMessage `json:"data"`
}

// MarshalJSON writes {"seq":…,"time":…,"kind":…,"data":{…}}. Losses that are
// not finite become null.
func (e Event) MarshalJSON() ([]byte, error) {
	data, err := json.Marshal(e.Body)
	if err != nil {
		return nil, fmt.Errorf("event %d (%s): %w", e.Seq, e.Body.Kind(), err)
	}
	return json.Marshal(envelope{e.Seq, e.Time.UTC(), e.Body.Kind(), data})
}

// UnmarshalJSON reads what MarshalJSON writes. A kind that this version does
// not know becomes an Unknown.
func (e *Event) UnmarshalJSON(line []byte) error {
	var v envelope
	if err := json.Unmarshal(line, &v); err != nil {
		return err
	}
	if v.Kind == "" || v.Data == nil {
		return fmt.Errorf("event %d has no kind or no data", v.Seq)
	}
	body, err := decodeBody(v.Kind, v.Data)
	if err != nil {
		return fmt.Errorf("event %d (%s): %w", v.Seq, v.Kind, err)
	}
	*e = Event{Seq: v.Seq, Time: v.Time, Body: body}
	return nil
}

func decodeBody(kind string, data []byte) (Body, error) {
	switch kind {
	case "run_started":
		return decodeAs[RunStarted](data)
	case "continued":
		return decodeAs[Continued](data)
	case "data_read":
		return decodeAs[DataRead](data)
	case "outlook":
		return decodeAs[Outlook](data)
	case "decided":
		return decodeAs[Decided](data)
	case "stage_started":
		return decodeAs[StageStarted](data)
	case "stage_done":
		return decodeAs[StageDone](data)
	case "planned":
		return decodeAs[Planned](data)
	case "progress":
		return decodeAs[Progress](data)
	case "step_done":
		return decodeAs[StepDone](data)
	case "epoch_done":
		return decodeAs[EpochDone](data)
	case "evaluated":
		return decodeAs[Evaluated](data)
	case "round_started":
		return decodeAs[RoundStarted](data)
	case "sliced":
		return decodeAs[Sliced](data)
	case "sparsity":
		return decodeAs[Sparsity](data)
	case "round_done":
		return decodeAs[RoundDone](data)
	case "calibration_point":
		return decodeAs[CalibrationPoint](data)
	case "race":
		return decodeAs[Race](data)
	case "repaired":
		return decodeAs[Repaired](data)
	case "scales":
		return decodeAs[Scales](data)
	case "sensitivity":
		return decodeAs[Sensitivity](data)
	case "sensitivity_point":
		return decodeAs[SensitivityPoint](data)
	case "quantized":
		return decodeAs[Quantized](data)
	case "cost":
		return decodeAs[Cost](data)
	case "paused":
		return decodeAs[Paused](data)
	case "resumed":
		return decodeAs[Resumed](data)
	case "commanded":
		return decodeAs[Commanded](data)
	case "saved":
		return decodeAs[Saved](data)
	case "log":
		return decodeAs[Log](data)
	case "note":
		return decodeAs[Note](data)
	case "run_done":
		return decodeAs[RunDone](data)
	}
	return Unknown{Name: kind, Data: bytes.Clone(data)}, nil
}

func decodeAs[B Body](data []byte) (Body, error) {
	var body B
	err := json.Unmarshal(data, &body)
	return body, err
}

// Unknown is an event whose kind only later versions of this program know.
type Unknown struct {
	Name string
	Data json.RawMessage
}

// Kind returns the name it was written with.
func (u Unknown) Kind() string { return u.Name }

// MarshalJSON writes the data as it was read.
func (u Unknown) MarshalJSON() ([]byte, error) { return u.Data, nil }
