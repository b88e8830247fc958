package bench

import (
	"slices"
	"time"

	"espalier/model"
)

// Late is how much later than it asked for a goroutine wakes up while training
// uses every thread: what an answer to a key waits for the engine.
type Late struct {
	Wakeups int     `json:"wakeups"`
	Median  float64 `json:"median"` // seconds
	Max     float64 `json:"max"`
}

// wakeup is what a screen that draws often asks for.
const wakeup = 10 * time.Millisecond

// delay trains for the time of a row while a goroutine sleeps and wakes.
func (b *bench) delay() error {
	e := model.NewEngine(b.Kernels, b.Threads, b.Algorithm)
	defer e.Close()
	step, _, err := b.training(e, b.randomImages(Batch))
	if err != nil {
		return err
	}
	stop, result := make(chan struct{}), make(chan []time.Duration)
	go func() { result <- sleeper(stop) }()
	_, err = repeat(b.ctx, b.Time, step)
	close(stop)
	late := <-result
	if err != nil {
		return err
	}
	b.report.Delay = &Late{len(late), late[len(late)/2].Seconds(), late[len(late)-1].Seconds()}
	return nil
}

// sleeper wakes up again and again until stop is closed, once at least, and
// returns how late that was each time, ascending.
func sleeper(stop <-chan struct{}) (late []time.Duration) {
	for {
		asked := time.Now().Add(wakeup)
		time.Sleep(wakeup)
		late = append(late, time.Since(asked))
		select {
		case <-stop:
			slices.Sort(late)
			return late
		default:
		}
	}
}
