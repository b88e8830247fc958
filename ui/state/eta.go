package state

import "time"

// etaKept is how many of the newest predictions of the end are compared.
const etaKept = 64

// An eta remembers when a run was lately predicted to end.
type eta struct {
	ends []time.Time // the newest, in no order
	next int         // where the next goes
}

// predict adds a prediction made at a time; one of 0 seconds is none yet.
func (e *eta) predict(at time.Time, remaining float64) {
	if !(remaining > 0) || remaining > 1e9 {
		return
	}
	end := at.Add(time.Duration(remaining * float64(time.Second)))
	if len(e.ends) < etaKept {
		e.ends = append(e.ends, end)
		return
	}
	e.ends[e.next] = end
	e.next = (e.next + 1) % etaKept
}

// forget drops the predictions, as after a pause, which they did not know of.
func (e *eta) forget() { *e = eta{} }

// ETA returns the seconds from the newest event to the end, as the earliest and
// the latest of the newest predictions say; both are 0 while nothing is known.
func (r *Run) ETA() (earliest, latest float64) {
	for i, end := range r.eta.ends {
		s := max(end.Sub(r.Latest).Seconds(), 0)
		if i == 0 {
			earliest, latest = s, s
		}
		earliest, latest = min(earliest, s), max(latest, s)
	}
	return earliest, latest
}
