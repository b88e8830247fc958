package dataset

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// spread calls do for every i from 0 to n−1 on GOMAXPROCS goroutines, chunk numbers at a
// time. Each goroutine gets its do from one call of worker. A panic in one of them is
// raised again in the caller's goroutine.
func spread(n, chunk int, worker func() (do func(i int))) {
	var (
		next   atomic.Int64
		wg     sync.WaitGroup
		failed atomic.Pointer[string]
	)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			defer func() {
				if v := recover(); v != nil {
					text := fmt.Sprintf("%v\n%s", v, debug.Stack())
					failed.Store(&text)
				}
			}()
			do := worker()
			for {
				from := int(next.Add(int64(chunk))) - chunk
				for i := from; i < min(from+chunk, n); i++ {
					do(i)
				}
				if from+chunk >= n {
					return
				}
			}
		})
	}
	wg.Wait()
	if text := failed.Load(); text != nil {
		panic(*text)
	}
}
