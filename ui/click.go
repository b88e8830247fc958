package ui

// A clickable pane selects what is under a click. Coordinates are those of the
// screen; the pane remembers where it was drawn last.
type clickable interface{ click(s *scene, x, y int) }

// click puts the cursor where it was clicked.
func (p *lossPane) click(s *scene, x, y int) {
	lo, hi, ok := p.extent(s)
	if !ok || !p.area.Rect.Contains(x, y) {
		return
	}
	s.cursorOn, s.cursor = true, min(max(p.step(s.run, p.area.At(x)), lo+1), hi)
}

// click selects a layer, or a group of channels.
func (p *layersPane) click(s *scene, _, y int) {
	if slice, ok := p.slice(s); ok {
		if i := p.first + y - p.body.Y; y >= p.body.Y && y < p.body.Y+p.body.H && i < len(slice.Groups) {
			p.group = i
		}
		return
	}
	if shown := p.shown(s.run.Layers(s.asOf())); p.body.H > 0 && y >= p.body.Y && y < p.body.Y+p.body.H && p.first+y-p.body.Y < len(shown) {
		s.layer, s.channel = shown[p.first+y-p.body.Y], 0
	}
}

// click selects the calibration size that is nearest.
func (p *calibrationPane) click(s *scene, x, y int) {
	if !p.area.Rect.Contains(x, y) {
		return
	}
	best := -1
	for _, n := range s.run.Sizes() {
		d := p.area.Column(float64(n)) - x
		if d = max(d, -d); best < 0 || d < best {
			best, s.images = d, n
		}
	}
}

// click selects a channel.
func (p *scalesPane) click(s *scene, x, y int) {
	if p.part == allChannels && p.each > 0 && p.area.Contains(x, y) {
		s.channel = p.first + (x-p.area.X)/p.each
	}
}

// click selects a line.
func (p *logPane) click(s *scene, _, y int) {
	if n := len(p.lines(s)); y >= p.body.Y && y < p.body.Y+p.body.H && p.begin+y-p.body.Y < n {
		s.cursorOn = false
		p.back, p.held = n-1-(p.begin+y-p.body.Y), true
	}
}

// click selects a round.
func (p *roundsPane) click(s *scene, _, y int) {
	if i := p.first + y - p.body.Y; !p.costs.on && y >= p.body.Y && y < p.body.Y+p.body.H && i < len(p.rows(s, false)) {
		p.selected = i
	}
}

// click selects a run.
func (p *runsPane) click(_ *scene, _, y int) {
	if i := p.first + y - p.body.Y; p.comparison == nil && y >= p.body.Y && y < p.body.Y+p.body.H && i < len(p.shown()) {
		p.selected = i
	}
}
