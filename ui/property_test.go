package ui

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"pgregory.net/rapid"

	"espalier/compress/pipeline"
	"espalier/internal/finite"
	"espalier/ui/internal/sample"
	"espalier/ui/theme"
)

// Whatever the size, the data and the keys, a frame is exactly as large as the
// screen and nothing panics.
func TestAnyFrameHasTheScreensSize(t *testing.T) {
	journal := sample.Journal()
	keys := allKeys()
	rapid.Check(t, func(rt *rapid.T) {
		from := rapid.IntRange(0, len(journal)-1).Draw(rt, "from")
		n := rapid.IntRange(0, min(400, len(journal)-from)).Draw(rt, "events")
		src := sample.NewSource(wild(rt, journal[from:from+n]))
		if rapid.Bool().Draw(rt, "started") {
			src = sample.NewSource(append(journal[:1:1], wild(rt, journal[from:from+n])...))
		}
		width, height := rapid.IntRange(1, 300).Draw(rt, "width"), rapid.IntRange(1, 100).Draw(rt, "height")
		a := newTestApp(t, src, width, height)
		useTier(a, rapid.SampledFrom(theme.Tiers()).Draw(rt, "tier"))
		for range rapid.IntRange(1, 25).Draw(rt, "actions") {
			switch rapid.IntRange(0, 6).Draw(rt, "action") {
			case 0:
				src.Tell(rapid.IntRange(0, 200).Draw(rt, "tell"))
				pull(a)
			case 1:
				width, height = rapid.IntRange(1, 300).Draw(rt, "width"), rapid.IntRange(1, 100).Draw(rt, "height")
				a.Update(tea.WindowSizeMsg{Width: width, Height: height})
			case 2:
				a.Update(tea.MouseMsg{X: rapid.IntRange(0, 320).Draw(rt, "x"), Y: rapid.IntRange(0, 110).Draw(rt, "y"), Action: tea.MouseActionPress,
					Button: rapid.SampledFrom([]tea.MouseButton{tea.MouseButtonLeft, tea.MouseButtonWheelUp, tea.MouseButtonWheelDown}).Draw(rt, "button")})
			case 3:
				for _, action := range []tea.MouseAction{tea.MouseActionPress, tea.MouseActionMotion, tea.MouseActionRelease} {
					a.Update(tea.MouseMsg{X: rapid.IntRange(0, 320).Draw(rt, "x"), Y: rapid.IntRange(0, 110).Draw(rt, "y"), Action: action, Button: tea.MouseButtonLeft})
				}
			default:
				press(a, rapid.SampledFrom(keys).Draw(rt, "key"))
			}
			plain(a) // keys may have chosen other colours or glyphs
			a.stale = true
			a.Update(nil)
			if a.crash != nil {
				rt.Fatal(a.crash)
			}
			checkSize(rt, a.View(), width, height)
		}
	})
}

// Whatever the state, every key that the hints or the help show does something,
// and every key that does something is shown by the help.
func TestInAnyStateNoKeyIsHiddenAndNoneIsDead(t *testing.T) {
	journal := sample.Journal()
	keys := allKeys()
	exports := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		src := sample.NewSource(journal)
		if rapid.Bool().Draw(rt, "over") {
			src = sample.Finished(journal)
		} else {
			src.Tell(rapid.IntRange(0, len(journal)-1).Draw(rt, "told"))
		}
		a := newTestApp(t, src, rapid.IntRange(60, 220).Draw(rt, "width"), rapid.IntRange(16, 70).Draw(rt, "height"))
		a.options.ExportFolder = exports
		a.options.Attached, a.options.Resume = rapid.Bool().Draw(rt, "attached"), func(pipeline.Folder) {}
		for range rapid.IntRange(0, 12).Draw(rt, "keys") {
			run(a, press(a, rapid.SampledFrom(keys).Draw(rt, "key")))
		}
		a.overlay = overlayNone
		// What is hinted at works.
		known := map[string]bool{}
		for _, pass := range []func(*binding) bool{
			func(b *binding) bool { return b.in != nil },
			func(b *binding) bool { return b.in == nil && b.section == "" },
			func(b *binding) bool { return b.section != "" },
		} {
			for _, line := range a.helpKeys(80, pass) {
				for _, k := range strings.Fields(line[0].text) {
					known[k] = true
				}
			}
		}
		for i := range a.table {
			b := &a.table[i]
			if !b.works(a, a.focus) {
				continue
			}
			for _, k := range b.keys {
				if name, ok := signOf[k]; ok {
					k = name
				}
				if !known[keyLabel(k)] && !strings.Contains("1234567", k) && a.firstOf(b.keys[0]) == b {
					rt.Fatalf("pane %d: the key %q works and no help shows it", a.focus, k)
				}
			}
		}
		for _, line := range a.keyLines(80) {
			if len(line) != 2 || strings.HasPrefix(line[0].text, ":") {
				continue
			}
			for _, k := range strings.Fields(line[0].text) {
				for key, sign := range signOf {
					if k == sign {
						k = key
					}
				}
				if k == "1-7" {
					k = "7"
				}
				if k == "space" {
					k = " "
				}
				if a.firstOf(k) == nil && !anywhere(a, k) {
					rt.Fatalf("pane %d: the help shows %q, which does nothing", a.focus, k)
				}
			}
		}
	})
}

// signOf is how keys are shown that have a sign of their own.
var signOf = map[string]string{"left": "←", "right": "→", "down": "↓", "up": "↑", "-": "−", "pgdown": "pgdn", "shift+left": "shift+←", "shift+right": "shift+→"}

// anywhere reports whether a key does something at another time: the help of the
// whole screen shows keys that wait for a state, such as a pause.
func anywhere(a *App, key string) bool {
	return slices.ContainsFunc(a.table, func(b binding) bool { return b.in == nil && slices.Contains(b.keys, key) })
}

// allKeys returns every key of the table and some that it lacks.
func allKeys() []string {
	keys := []string{"a", "d", "s", "X", "ctrl+q", "ä", "日", "f5"}
	for _, b := range bindings() {
		keys = append(keys, b.keys...)
	}
	return keys
}

// wild returns the events with some numbers replaced by ones that hardly ever
// occur, and some times moved.
func wild(t *rapid.T, events []pipeline.Event) []pipeline.Event {
	odd := rapid.SampledFrom([]float64{math.NaN(), math.Inf(1), math.Inf(-1), 0, -1, 1e300, -1e300, 5e-324, 1})
	changed := make([]pipeline.Event, len(events))
	for i, e := range events {
		if rapid.IntRange(0, 9).Draw(t, "wild") == 0 {
			v := odd.Draw(t, "value")
			switch b := e.Body.(type) {
			case pipeline.StepDone:
				b.Loss, b.LearningRate, b.Overall, b.Remaining = finite.OrNull(v), v, v, v
				e.Body = b
			case pipeline.EpochDone:
				b.ValLoss, b.TrainLoss, b.ValTop1 = finite.OrNull(v), finite.OrNull(v), v
				e.Body = b
			case pipeline.CalibrationPoint:
				b.Top1, b.Float, b.CalibrateSeconds = v, v, v
				b.Images = rapid.IntRange(0, 70000).Draw(t, "images")
				e.Body = b
			case pipeline.Sparsity:
				b.Sparsity, b.Target = v, v
				b.Layers = b.Layers[:rapid.IntRange(0, len(b.Layers)).Draw(t, "layers")]
				e.Body = b
			case pipeline.Scales:
				b.Channels = append([]pipeline.ChannelScale(nil), b.Channels[:rapid.IntRange(0, len(b.Channels)).Draw(t, "channels")]...)
				for c := range b.Channels {
					b.Channels[c].Scale = v
				}
				b.Activation = pipeline.Range{Min: v, Max: odd.Draw(t, "max"), Scale: v}
				b.ActivationHistogram = b.ActivationHistogram[:rapid.IntRange(0, 3).Draw(t, "bins")]
				b.WeightHistogram = nil
				e.Body = b
			case pipeline.RoundDone:
				b.Top1, b.Drop, b.Seconds = v, v, v
				e.Body = b
			case pipeline.Log:
				b.Text = strings.Repeat("日本\x1b[31m", 30)
				e.Body = b
			}
			e.Time = e.Time.Add(time.Duration(rapid.Int64Range(-1e15, 1e15).Draw(t, "time")))
		}
		changed[i] = e
	}
	return changed
}

// The rectangles of a layout lie on the screen and do not overlap; the focused
// pane is among them.
func TestLayout(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		width, height := rapid.IntRange(1, 300).Draw(t, "width"), rapid.IntRange(1, 100).Draw(t, "height")
		focus := paneID(rapid.IntRange(0, int(paneCount)-1).Draw(t, "focus"))
		l := arrange(width, height, focus, rapid.Bool().Draw(t, "maximised"),
			split{rapid.IntRange(0, 1000).Draw(t, "column"), rapid.IntRange(0, 1000).Draw(t, "charts"), rapid.IntRange(0, 1000).Draw(t, "layers")})
		if l.tooSmall {
			if width >= minWidth && height >= minHeight {
				t.Fatalf("%d×%d is said to be too small", width, height)
			}
			return
		}
		covered := make([]bool, width*height)
		cover := func(x, y, w, h int) {
			for i := y; i < y+h; i++ {
				for j := x; j < x+w; j++ {
					if i < 0 || j < 0 || i >= height || j >= width || covered[i*width+j] {
						t.Fatalf("cell %d,%d is outside or taken twice in %+v", j, i, l)
					}
					covered[i*width+j] = true
				}
			}
		}
		found := false
		for _, p := range l.panes {
			found = found || p.pane == focus
			cover(p.rect.X, p.rect.Y, p.rect.W, p.rect.H)
			if p.rect.W < 20 || p.rect.H < 4 {
				t.Fatalf("pane %d has only %d×%d cells", p.pane, p.rect.W, p.rect.H)
			}
		}
		if !found {
			t.Fatalf("the focused pane %d is not shown", focus)
		}
		for _, r := range []struct{ X, Y, W, H int }{l.header, l.tabs, l.facts, l.strip, l.tail, l.readout, l.hints} {
			cover(r.X, r.Y, r.W, r.H)
		}
		for i, c := range covered {
			if !c {
				t.Fatalf("cell %d,%d belongs to nothing", i%width, i/width)
			}
		}
	})
}
