package model

// The second pass: schedule.
//
// A value is ready in the region in which its unit is computed, or in the next
// one if its batch norm needs sums over the whole batch. Its gradient is complete
// in the region in which its last reader adds to it. It passes on in the same
// region or, with batch norm, in the next one.

// A scheduler puts steps into regions.
type scheduler struct {
	*trainPlan
	t    *Trainer
	last int // region of the loss
}

func newScheduler(t *Trainer, p *trainPlan) *scheduler { return &scheduler{trainPlan: p, t: t} }

func (c *scheduler) schedule() {
	c.forwardRegions()
	c.backwardRegions()
	end := c.last
	for _, v := range c.values {
		if v.learns {
			end = max(end, v.back)
		}
	}
	for range end + 1 {
		c.regions = append(c.regions, &trainRegion{group: 1})
	}
	for r := range c.last + 1 {
		for _, v := range c.values {
			if v.region == r {
				c.forward(v)
			}
		}
	}
	output := c.output()
	c.regions[c.last].loss = true
	c.loss(output)
	c.finish(output, c.last)
	for r := c.last; r <= end; r++ {
		for v := c.next(r); v != nil; v = c.next(r) {
			v.passed = true
			c.passOn(v)
		}
	}
}

// output returns the value of the logits.
func (c *scheduler) output() *trainValue { return c.values[len(c.values)-1] }

// forwardRegions computes as early as possible.
func (c *scheduler) forwardRegions() {
	for _, v := range c.values {
		for _, in := range v.in {
			v.region = max(v.region, in.ready)
		}
		v.ready = v.region
		if v.norm != nil {
			v.ready++
		}
	}
	c.last = c.output().ready
}

// backwardRegions passes gradients on as early as possible, but puts the
// readers of one value into the same region, where they find it in the cache.
func (c *scheduler) backwardRegions() {
	for i := len(c.values) - 1; i >= 0; i-- {
		v := c.values[i]
		v.complete = c.last
		for _, r := range v.readers {
			v.complete = max(v.complete, r.back)
		}
		for _, r := range v.readers {
			if len(r.in) == 1 {
				r.back = v.complete
			}
		}
		v.back = v.complete
		if v.norm != nil {
			v.back++
		}
		v.owed = len(v.readers)
	}
}

// next returns the first value of the graph whose gradient is to be passed on in
// region r and is complete.
func (c *scheduler) next(r int) *trainValue {
	for _, v := range c.values {
		if v.learns && !v.passed && v.back == r && v.owed == 0 {
			return v
		}
	}
	return nil
}

// emit appends a step to region r, which reads and writes buffers.
func (c *scheduler) emit(r, group int, what string, run func(s *trainSpan), buffers ...*trainBuffer) {
	region := c.regions[r]
	step := len(region.steps)
	region.steps = append(region.steps, trainStep{what, run})
	region.group = max(region.group, group)
	for _, b := range buffers {
		if !b.used {
			b.used, b.from, b.begin = true, r, step
		}
		b.to, b.end = r, step
	}
}

// buffer makes a buffer for maps like v's.
func (c *scheduler) buffer(what string, v *trainValue) *trainBuffer {
	b := &trainBuffer{what: what + " of " + v.name(), m: v.m, image: v.image, size: v.m.Len()}
	if v.image {
		b.size = imageLen(v.m)
	}
	c.buffers = append(c.buffers, b)
	return b
}

// need returns the buffer that holds v's value in region r. It emits the step
// that computes it there if no earlier step has.
func (c *scheduler) need(v *trainValue, r int) *trainBuffer {
	if v.a != nil {
		return v.a
	}
	if b := v.copies[r]; b != nil {
		return b
	}
	from := c.before(v, r)
	b := c.buffer("value", v)
	if v.again {
		v.copies[r] = b
	} else {
		v.a = b
	}
	c.derive(v, r, b, from)
	return b
}

// before returns the buffer that holds the input of v's batch norm or
// activation in region r.
func (c *scheduler) before(v *trainValue, r int) *trainBuffer {
	if v.y != nil {
		return v.y
	}
	return c.need(v.in[0], r)
}
