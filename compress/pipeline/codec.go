package pipeline

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"espalier/internal/finite"
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
	case "sparsity":
		return decodeAs[Sparsity](data)
	case "round_done":
		return decodeAs[RoundDone](data)
	case "calibration_point":
		return decodeAs[CalibrationPoint](data)
	case "scales":
		return decodeAs[Scales](data)
	case "sensitivity":
		return decodeAs[Sensitivity](data)
	case "quantized":
		return decodeAs[Quantized](data)
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
	decode := func(data []byte) error { return json.Unmarshal(data, &body) }
	if own, ok := any(&body).(json.Unmarshaler); ok {
		decode = own.UnmarshalJSON // json would look through the data twice
	}
	if err := decode(data); err != nil {
		return nil, err
	}
	return body, nil
}

// Unknown is an event of a kind that a later version of this program wrote.
type Unknown struct {
	Name string
	Data json.RawMessage
}

// Kind returns the name it was written with.
func (u Unknown) Kind() string { return u.Name }

// MarshalJSON writes the data as it was read.
func (u Unknown) MarshalJSON() ([]byte, error) { return u.Data, nil }

// What follows can carry a loss that is not finite. Its JSON forms shadow it with
// a finite.OrNull.

// MarshalJSON writes a loss that is not finite as null.
func (e StepDone) MarshalJSON() ([]byte, error) {
	type plain StepDone
	return json.Marshal(struct {
		plain
		Loss finite.OrNull `json:"loss"`
	}{plain(e), finite.OrNull(e.Loss)})
}

// UnmarshalJSON reads null as NaN.
func (e *StepDone) UnmarshalJSON(data []byte) error {
	type plain StepDone
	v := struct {
		*plain
		Loss finite.OrNull `json:"loss"`
	}{plain: (*plain)(e)}
	err := json.Unmarshal(data, &v)
	e.Loss = float64(v.Loss)
	return err
}

// MarshalJSON writes losses that are not finite as null.
func (e EpochDone) MarshalJSON() ([]byte, error) {
	type plain EpochDone
	return json.Marshal(struct {
		plain
		TrainLoss finite.OrNull `json:"train_loss"`
		ValLoss   finite.OrNull `json:"val_loss"`
	}{plain(e), finite.OrNull(e.TrainLoss), finite.OrNull(e.ValLoss)})
}

// UnmarshalJSON reads null as NaN.
func (e *EpochDone) UnmarshalJSON(data []byte) error {
	type plain EpochDone
	v := struct {
		*plain
		TrainLoss finite.OrNull `json:"train_loss"`
		ValLoss   finite.OrNull `json:"val_loss"`
	}{plain: (*plain)(e)}
	err := json.Unmarshal(data, &v)
	e.TrainLoss, e.ValLoss = float64(v.TrainLoss), float64(v.ValLoss)
	return err
}

// MarshalJSON writes a loss that is not finite as null.
func (e Evaluated) MarshalJSON() ([]byte, error) {
	type plain Evaluated
	return json.Marshal(struct {
		plain
		Loss finite.OrNull `json:"loss"`
	}{plain(e), finite.OrNull(e.Loss)})
}

// UnmarshalJSON reads null as NaN.
func (e *Evaluated) UnmarshalJSON(data []byte) error {
	type plain Evaluated
	v := struct {
		*plain
		Loss finite.OrNull `json:"loss"`
	}{plain: (*plain)(e)}
	err := json.Unmarshal(data, &v)
	e.Loss = float64(v.Loss)
	return err
}

// MarshalJSON writes a loss that is not finite as null.
func (e Sensitivity) MarshalJSON() ([]byte, error) {
	type plain Sensitivity
	return json.Marshal(struct {
		plain
		Loss finite.OrNull `json:"loss"`
	}{plain(e), finite.OrNull(e.Loss)})
}

// UnmarshalJSON reads null as NaN.
func (e *Sensitivity) UnmarshalJSON(data []byte) error {
	type plain Sensitivity
	v := struct {
		*plain
		Loss finite.OrNull `json:"loss"`
	}{plain: (*plain)(e)}
	err := json.Unmarshal(data, &v)
	e.Loss = float64(v.Loss)
	return err
}

// MarshalJSON writes a loss that is not finite as null.
func (l LayerSensitivity) MarshalJSON() ([]byte, error) {
	type plain LayerSensitivity
	return json.Marshal(struct {
		plain
		Loss finite.OrNull `json:"loss"`
	}{plain(l), finite.OrNull(l.Loss)})
}

// UnmarshalJSON reads null as NaN.
func (l *LayerSensitivity) UnmarshalJSON(data []byte) error {
	type plain LayerSensitivity
	v := struct {
		*plain
		Loss finite.OrNull `json:"loss"`
	}{plain: (*plain)(l)}
	err := json.Unmarshal(data, &v)
	l.Loss = float64(v.Loss)
	return err
}
