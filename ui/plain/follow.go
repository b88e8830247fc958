// Package plain prints a run without drawing: as lines for people and logs, or
// as JSON, one event a line, for programs.
package plain

import (
	"context"

	"espalier/compress/pipeline"
)

// A Printer takes a run's events one by one.
type Printer interface {
	Print(pipeline.Event) error
}

// batch is how many events are asked for at a time.
const batch = 256

// Follow gives every event of a run to a printer, from the first to the run's
// end, and returns then, or when ctx ends, or with the printer's first error.
// What the source had when ctx ended is still printed.
func Follow(ctx context.Context, source pipeline.Source, p Printer) error {
	after := int64(0)
	for {
		ended := ctx.Err() != nil // looked at first, so that nothing is missed
		for {
			events := source.Since(after, batch)
			for _, e := range events {
				if err := p.Print(e); err != nil {
					return err
				}
				after = e.Seq
				if _, over := e.Body.(pipeline.RunDone); over {
					return nil
				}
			}
			if len(events) < batch {
				break
			}
		}
		if ended {
			return nil
		}
		select {
		case <-ctx.Done():
		case <-source.Changed():
		}
	}
}
