package cost

import (
	"context"
	"slices"
	"time"
)

// MinRepetitions is the least number of repetitions, however long they take.
const MinRepetitions = 5

// Repeat runs one or several functions in turn, for some time after a warm-up of
// a quarter of it. It returns how long each run of each took, ascending.
// Interleaving cancels machine noise in their ratios.
func Repeat(ctx context.Context, total time.Duration, runs ...func()) ([][]time.Duration, error) {
	for start := time.Now(); ; {
		for _, run := range runs {
			run()
		}
		if ctx.Err() != nil || time.Since(start) >= total/4 {
			break
		}
	}
	times := make([][]time.Duration, len(runs))
	for start := time.Now(); len(times[0]) < MinRepetitions || time.Since(start) < total; {
		for i, run := range runs {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			begin := time.Now()
			run()
			times[i] = append(times[i], time.Since(begin))
		}
	}
	for _, t := range times {
		slices.Sort(t)
	}
	return times, nil
}

// Median returns the middle of ascending times.
func Median(t []time.Duration) time.Duration { return t[len(t)/2] }

// quartiles returns a quarter and three quarters of the way through ascending
// times.
func quartiles(t []time.Duration) (low, high time.Duration) {
	return t[len(t)/4], t[len(t)-1-len(t)/4]
}
