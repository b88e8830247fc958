package compare

import (
	"context"
	"fmt"
	"strings"

	"espalier/compress/quantize"
	"espalier/internal/plural"
)

// A Result compares two networks.
type Result struct {
	A      string  `json:"a"`
	B      string  `json:"b"`
	Images int     `json:"images"`
	Note   string  `json:"note,omitempty"` // what must be said about the images
	Limit  float64 `json:"snr_limit_db"`
	// First is the first point in forward order whose SNR is below the limit or
	// whose values are not finite; empty if there is none.
	First  string  `json:"first_disagreement"`
	Layers []Layer `json:"layers"`
}

// Batches calls do with the same images for both networks, each normalised as
// its network wants it, up to the first error.
type Batches func(do func(a, b []float32) error) error

// Run measures b against a over all batches; limit is in dB. The networks must
// have the same points and shapes.
func Run(ctx context.Context, a, b Network, batches Batches, limit float64) (Result, error) {
	r := Result{Limit: limit}
	var meters []*meter
	err := batches(func(xa, xb []float32) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		var seen []quantize.Activation
		a.Observe(xa, func(x quantize.Activation) { seen = append(seen, x) })
		if meters == nil {
			for _, x := range seen {
				meters = append(meters, &meter{point: x.Point})
			}
		}
		at := 0
		var err error
		b.Observe(xb, func(y quantize.Activation) {
			for at < len(seen) && seen[at].Point != y.Point && seen[at].Optional {
				at++
			}
			if err != nil || y.Optional && (at == len(seen) || seen[at].Point != y.Point) {
				return
			}
			if err = meet(seen, at, y); err == nil {
				meters[at].add(seen[at], y)
			}
			at++
		})
		if err == nil && at < len(seen) {
			err = fmt.Errorf("the first network has %s and the second does not; compare networks of the same architecture", seen[at].Point)
		}
		return err
	})
	for _, m := range meters {
		if m.images == 0 && err == nil {
			continue // a point that only one of them has
		}
		l := m.layer()
		r.Images = m.images
		if r.First == "" && l.disagrees(limit) {
			r.First = l.Point
		}
		r.Layers = append(r.Layers, l)
	}
	return r, err
}

// meet checks that activation number at of the first network and y of the second
// are the same point with the same shape.
func meet(seen []quantize.Activation, at int, y quantize.Activation) error {
	if at < len(seen) && seen[at].Point == y.Point && len(seen[at].Values) == len(y.Values) && seen[at].C == y.C {
		return nil
	}
	return fmt.Errorf("the second network has %s [%d][%d][%d], and the first does not have it there; compare networks of the same architecture", y.Point, y.C, y.H, y.W)
}

// String draws the result as a table.
func (r Result) String() string {
	var t strings.Builder
	fmt.Fprintf(&t, "a %s, b %s, %s", r.A, r.B, plural.Count(r.Images, "image"))
	if r.Note != "" {
		fmt.Fprintf(&t, " (%s)", r.Note)
	}
	fmt.Fprintf(&t, "\n\n%-22s %10s %12s  %-22s %17s %17s  %s\n", "", "SNR", "largest", "image, channel, y, x", "a at 0, at 255", "b at 0, at 255", "dead in a, b")
	for _, l := range r.Layers {
		snr, mark := "same", ""
		switch {
		case l.NotFinite != nil:
			snr = "not finite"
		case l.SNR != nil:
			snr = fmt.Sprintf("%.1f dB", *l.SNR)
		}
		if l.Point == r.First {
			mark = "  ← first to disagree"
		}
		d := l.Largest
		fmt.Fprintf(&t, "%-22s %10s %12.4g  %-22s %17s %17s  %d, %d%s\n", l.Point, snr, d.Value,
			fmt.Sprintf("%d, %d, %d, %d", d.Image, d.Channel, d.Y, d.X), l.SaturatedA, l.SaturatedB, len(l.DeadA), len(l.DeadB), mark)
	}
	if r.First == "" {
		fmt.Fprintf(&t, "\nno point has a signal-to-noise ratio below %g dB", r.Limit)
	} else {
		fmt.Fprintf(&t, "\nthe first point with a signal-to-noise ratio below %g dB is %s", r.Limit, r.First)
	}
	for _, l := range r.Layers {
		if n := l.NotFinite; n != nil {
			p := n.First
			fmt.Fprintf(&t, "\nthe first value that is not finite is in %s: image %d, channel %d, y %d, x %d, %s in a and %s in b; %d values of a and %d of b are not finite there",
				l.Point, p.Image, p.Channel, p.Y, p.X, n.InA, n.InB, n.A, n.B)
			break
		}
	}
	return t.String()
}

// String returns both shares in per cent, or a dash for float32.
func (s *Saturation) String() string {
	if s == nil {
		return "–"
	}
	return fmt.Sprintf("%.2f %%, %.2f %%", 100*s.Min, 100*s.Max)
}
