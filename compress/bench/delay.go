package bench

import (
	"slices"
	"time"

	"espalier/compress/cost"
	"espalier/model"
)

// Late is how late a sleeping goroutine wakes up while training uses every
// thread. A key waits that long for an answer.
type Late struct {
	Wakeups int     `json:"wakeups"`
	Median  float64 `json:"median"` // seconds
	Max     float64 `json:"max"`
}

// wakeup is how long a screen sleeps that draws often.
const wakeup = 10 * time.Millisecond

// delay trains for the time of a row while a goroutine sleeps and wakes.
func (b *bench) delay() error {
	e := model.NewEngine(b.Kernels, b.Threads, b.Algorithm)
	defer e.Close()
	step, _, err := b.training(e, cost.Images(b.input(), Batch))
	if err != nil {
		return err
	}
	stop, result := make(chan struct{}), make(chan []time.Duration)
	go func() { result <- sleeper(stop) }()
	_, err = cost.Repeat(b.ctx, b.Time, step)
	close(stop)
	late := <-result
	if err != nil {
		return err
	}
	b.report.Delay = &Late{len(late), late[len(late)/2].Seconds(), late[len(late)-1].Seconds()}
	return nil
}

// sleeper sleeps and wakes until stop is closed, at least once. It returns how
// late it woke each time, ascending.
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
