package pipeline

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// Canonical returns the part of an event that is the same in every run of one
// experiment on one instruction set, and whether it has one: names, times,
// rates and threads are left out, and with them everything that people or
// interruptions caused.
func Canonical(body Body) (Body, bool) {
	switch b := body.(type) {
	case RunStarted:
		b.Name, b.Version, b.Threads = "", "", 0
		return b, true
	case StageStarted:
		return b, b.Stage != StageData // done again after an interruption
	case StageDone:
		b.Seconds = 0
		return b, b.Stage != StageData
	case StepDone:
		b.ImagesPerSec, b.Overall, b.Remaining = 0, 0, 0
		return b, true
	case EpochDone:
		b.Seconds = 0
		return b, true
	case Evaluated:
		b.Seconds = 0
		return b, true
	case RoundDone:
		b.Seconds = 0
		return b, true
	case CalibrationPoint:
		b.CalibrateSeconds, b.EvaluateSeconds = 0, 0
		return b, !b.Asked
	case Scales:
		return b, !b.Asked
	case Decided, RoundStarted, Sparsity, Quantized:
		return b, true
	case RunDone:
		b.Seconds = 0
		return b, true
	}
	return nil, false
}

// JournalHash returns the SHA-256, in hexadecimal, of the canonical part of a
// run's journal, one JSON object a line. Equal hashes mean equal losses,
// accuracies, scales and weights at every step, those of a dense network that
// was taken from the cache among them. The run's end is left out: the run itself
// computes the hash before it.
func JournalHash(folder Folder) (string, error) {
	h := sha256.New()
	lines := json.NewEncoder(h)
	err := ReadJournal(folder.Journal(), func(e Event) error {
		body, ok := Canonical(e.Body)
		if _, end := e.Body.(RunDone); !ok || end {
			return nil
		}
		return lines.Encode(struct {
			Kind string `json:"kind"`
			Data Body   `json:"data"`
		}{body.Kind(), body})
	})
	return hex.EncodeToString(h.Sum(nil)), err
}
