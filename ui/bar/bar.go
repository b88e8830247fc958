// Package bar shows how far a download has come, as one line that is drawn
// over and over on a terminal, or as a few lines in a log.
package bar

import (
	"fmt"
	"io"
	"strings"
	"time"
)

const (
	width     = 40                     // cells of the bar
	redraw    = 100 * time.Millisecond // on a terminal
	logEvery  = 10                     // per cent, elsewhere
	clearLine = "\r\x1b[2K"
)

// A Bar draws the progress of one transfer. It is not safe for concurrent use.
type Bar struct {
	out      io.Writer
	terminal bool
	title    string
	now      func() time.Time

	begun, drawn time.Time
	first        int64 // bytes that were there at the beginning
	logged       int   // per cent
	open         bool  // a line is on the terminal and not ended
}

// New returns a bar that draws on out; terminal says whether out is one.
func New(out io.Writer, terminal bool, title string) *Bar {
	return &Bar{out: out, terminal: terminal, title: title, now: time.Now, logged: -1}
}

// Set shows that done of total bytes are there.
func (b *Bar) Set(done, total int64) {
	now := b.now()
	if b.begun.IsZero() || done < b.first {
		b.begun, b.first = now, done
	}
	share := 0.0
	if total > 0 {
		share = max(0, min(1, float64(done)/float64(total)))
	}
	if !b.terminal {
		if percent := int(100 * share); percent/logEvery > b.logged/logEvery || b.logged < 0 || (percent == 100 && b.logged < 100) {
			fmt.Fprintf(b.out, "%s: %3d %% of %s\n", b.title, percent, megabytes(total))
			b.logged = percent
		}
		return
	}
	if now.Sub(b.drawn) < redraw && done < total {
		return
	}
	b.drawn, b.open = now, true
	fmt.Fprintf(b.out, "%s%s %s %s of %s%s", clearLine, b.title, cells(share), megabytes(done), megabytes(total), b.rest(now, done, total))
}

// rest is the speed since the beginning and the time that is left at it.
func (b *Bar) rest(now time.Time, done, total int64) string {
	seconds := now.Sub(b.begun).Seconds()
	if seconds < 1 || done <= b.first {
		return ""
	}
	speed := float64(done-b.first) / seconds
	left := time.Duration(float64(total-done) / speed * float64(time.Second)).Round(time.Second)
	return fmt.Sprintf(", %s/s, %s left", megabytes(int64(speed)), left)
}

// End leaves the line as it stands and begins a new one.
func (b *Bar) End() {
	if b.open {
		fmt.Fprintln(b.out)
		b.open = false
	}
}

// cells draws a share from 0 to 1.
func cells(share float64) string {
	full := int(share * width)
	return strings.Repeat("█", full) + strings.Repeat("░", width-full)
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }
