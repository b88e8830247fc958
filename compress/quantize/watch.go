package quantize

import "iter"

// A watch is what several observers keep of one activation. Those that look for a
// range in counts share them.
type watch struct {
	observers []Observer
	counts    *Counts // nil where nobody wants any
}

// newWatch returns observers of those names, which are known. With more than one,
// values are always counted, so that the ranges can be shown on them.
func newWatch(names []string) *watch {
	w := &watch{}
	if len(names) > 1 {
		w.counts = &Counts{}
	}
	for _, name := range names {
		o, err := NewObserver(name)
		if err != nil {
			panic(err)
		}
		w.add(o)
	}
	return w
}

func (w *watch) add(o Observer) {
	if b, ok := o.(*binned); ok {
		if w.counts == nil {
			w.counts = b.counts
		}
		b.counts = w.counts
	}
	w.observers = append(w.observers, o)
}

// observe shows one batch to all observers.
func (w *watch) observe(values iter.Seq[[]float32], batch Range) {
	for _, o := range w.observers {
		if _, ok := o.(*binned); !ok {
			o.Observe(values, batch)
		}
	}
	if w.counts != nil {
		w.counts.observe(values, batch)
	}
}

// clone returns an independent copy.
func (w *watch) clone() *watch {
	c := &watch{}
	if w.counts != nil {
		c.counts = w.counts.clone()
	}
	for _, o := range w.observers {
		if b, ok := o.(*binned); ok {
			c.add(&binned{c.counts, b.find})
		} else {
			c.add(o.Clone())
		}
	}
	return c
}
