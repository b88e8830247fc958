package pipeline

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// canonical returns the part of an event that is the same in every run of one
// experiment on one instruction set, and whether it has one. Names, times,
// rates and threads are left out, and everything that people or interruptions
// caused.
func canonical(body Body) (Body, bool) {
	switch b := body.(type) {
	case RunStarted:
		b.Name, b.Version, b.Threads = "", "", 0
		return b, true
	case StageStarted:
		return b, !uncounted(b.Stage)
	case StageDone:
		b.Seconds = 0
		return b, !uncounted(b.Stage)
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
	case Decided, RoundStarted, Race, Repaired, Sparsity, Sliced, SensitivityPoint, Quantized:
		return b, true
	case RunDone:
		b.Seconds = 0
		return b, true
	}
	return nil, false
}

// uncounted reports whether a stage decides nothing: data is read again after an
// interruption, and costs are times.
func uncounted(stage string) bool { return stage == StageData || stage == StageCost }

// JournalHash returns the SHA-256, in hexadecimal, of the canonical part of a
// run's journal, one JSON object a line. Equal hashes mean equal losses,
// accuracies, scales and weights at every step, also for a dense network from
// the cache. The run's last event is left out, since the run computes the hash
// before it.
func JournalHash(folder Folder) (string, error) {
	h := sha256.New()
	lines := json.NewEncoder(h)
	err := ReadJournal(folder.Journal(), func(e Event) error {
		body, ok := canonical(e.Body)
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
