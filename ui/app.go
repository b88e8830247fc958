package ui

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"

	"espalier/compress/pipeline"
	"espalier/ui/chart"
	"espalier/ui/grid"
	"espalier/ui/state"
	"espalier/ui/theme"
)

// An overlay lies over the panes and gets the keys.
type overlay int

const (
	overlayNone overlay = iota
	overlayHelp
	overlayLeave
	overlayPrompt
	overlayExport
)

// sayFor is how long a message stays in the readout row.
const sayFor = 4 * time.Second

// App is the screen as a Bubble Tea model. It passes messages to the panes and
// draws the panes into a frame.
type App struct {
	ctx      context.Context
	options  Options
	renderer *lipgloss.Renderer
	clock    func() time.Time

	scene    scene
	home     *view // the run that the screen was started for
	shown    *view // the run in the panes
	loss     *lossPane
	layers   *layersPane
	scales   *scalesPane
	log      *logPane
	rounds   *roundsPane
	runs     *runsPane
	panes    []pane
	table    []binding
	focus    paneID
	overlay  overlay
	prompt   prompt
	mode     theme.Mode
	palette  grid.Palette
	grid     *grid.Grid
	frame    string
	stale    bool // the frame no longer shows what is known
	drawn    time.Time
	blurred  bool // the terminal has no focus
	mouseOff bool
	bell     bool   // wanted while the terminal has no focus
	titled   bool   // the window's title tells news
	noticed  string // the newest news

	width, height int
	maximised     bool
	split         split
	begun         preferences // as the screen began
	dragged       hold        // the border that the mouse has hold of
	helpScroll    int
	helpFilter    string // what the help's lines must contain
	helpTyping    bool   // keys go to helpFilter

	said      string // a message in the readout row
	saidUntil time.Time
	lastBreak time.Time // when ctrl+c was last pressed

	outcome Outcome
	leaving bool // leave with outcome as soon as the run is over

	orphaned bool // it was told that nobody computes the run any more
	crash    error
}

// newApp returns a screen without any events yet.
func newApp(ctx context.Context, src pipeline.Source, o Options, r *lipgloss.Renderer, clock func() time.Time) (*App, error) {
	mode, err := o.mode()
	if err != nil {
		return nil, err
	}
	tier, err := o.tier()
	if err != nil {
		return nil, err
	}
	a := &App{
		ctx: ctx, options: o, renderer: r, clock: clock,
		loss: &lossPane{smoothing: 2}, layers: &layersPane{}, scales: &scalesPane{}, log: &logPane{}, rounds: &roundsPane{}, runs: &runsPane{known: o.Runs != nil},
		table: bindings(), grid: grid.New(0, 0), mode: mode, bell: o.Bell, mouseOff: o.NoMouse, stale: true,
	}
	a.panes = []pane{a.loss, a.layers, &calibrationPane{}, a.scales, a.log, a.rounds, a.runs}
	a.home = newView(src)
	a.scene = scene{now: clock(), send: a.send, open: a.setFocus}
	a.show(a.home)
	a.setTier(tier)
	a.recall()
	return a, nil
}

// Init looks at the events for the first time.
func (a *App) Init() tea.Cmd { return guard(fetch(a.home)) }

// View returns the frame that the last Update built.
func (a *App) View() string { return a.frame }

// Update takes a message and rebuilds the frame if it changed anything. A panic
// ends the screen, not the run, and the terminal is restored.
func (a *App) Update(msg tea.Msg) (model tea.Model, cmd tea.Cmd) {
	defer func() {
		if v := recover(); v != nil {
			a.crash = fmt.Errorf("the screen failed: %v\n%s", v, debug.Stack())
			model, cmd = a, tea.Quit // without a model Bubble Tea would panic itself
		}
	}()
	a.scene.now = a.clock()
	if a.said != "" && a.scene.now.After(a.saidUntil) {
		a.said, a.stale = "", true
	}
	cmd = tea.Batch(a.take(msg), a.list(), a.look())
	if a.stale {
		a.frame, a.stale, a.drawn = a.build(), false, a.scene.now
	}
	return a, cmd
}

// take handles a message.
func (a *App) take(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case eventsMsg:
		return a.events(msg)
	case crashMsg:
		a.crash = msg
		return tea.Quit
	case leaveMsg:
		return a.leave(Outcome(msg))
	case exportedMsg:
		a.exported(msg)
	case listedMsg:
		a.runs.reached(msg, a.scene.now)
		a.stale = true
	case comparedMsg:
		a.compared(msg)
	case openedMsg:
		return a.opened(msg)
	case playedMsg:
		return a.played(msg)
	case closeupMsg:
		if a.loss.reading = false; msg.view == a.shown {
			a.loss.closeup, a.stale = msg.part, true
		}
	case tea.WindowSizeMsg:
		a.width, a.height, a.stale = msg.Width, msg.Height, true
	case tea.KeyMsg:
		a.stale = true
		var commands []tea.Cmd
		for _, key := range splitKeys(msg) {
			commands = append(commands, a.key(key, msg))
		}
		if a.overlay == overlayPrompt && msg.Paste {
			a.prompt.insert(msg.Runes)
		}
		return tea.Batch(commands...)
	case tea.MouseMsg:
		a.mouse(msg)
	case tea.FocusMsg:
		return a.looked()
	case tea.BlurMsg:
		a.blurred = true
	case tea.ResumeMsg:
		a.stale = true
		if !a.mouseOff {
			return tea.EnableMouseCellMotion // it does not come back by itself
		}
	}
	return nil
}

// events folds new events and returns the command that waits for the next ones,
// unless the view is no longer shown.
func (a *App) events(msg eventsMsg) tea.Cmd {
	v := msg.view
	if v != a.home && v != a.shown {
		return nil
	}
	if msg.rewound != v.rewound {
		*v.run, v.rewound = state.Run{}, msg.rewound
	}
	for _, e := range msg.events {
		v.run.Apply(e)
	}
	if len(msg.events) > 0 {
		v.heard = a.scene.now
	}
	more, before := len(msg.events) == batch, v.share
	if v.share = 0; more {
		v.share = msg.share
	}
	if v == a.shown {
		a.scene.heard, a.scene.share = v.heard, v.share
		silent := a.scene.now.Sub(v.heard)
		if v.share > 0 && before > 0 && a.scene.now.Sub(a.drawn) < tick {
			// There will be another one soon.
		} else if len(msg.events) > 0 || before > 0 || v.player != nil || silent >= pipeline.SilentAfter && !v.run.Status.Over() {
			a.stale = true // the header counts the seconds
		}
	}
	if more {
		return guard(fetch(v))
	}
	a.unreadable(v)
	a.lost()
	if dead := v.dead(); v == a.shown && dead != a.scene.dead {
		a.scene.dead, a.stale = dead, true
	}
	if a.home.run.Status.Over() && (a.leaving || a.options.ExitWhenDone) {
		return tea.Quit
	}
	pause := tick
	if a.blurred {
		pause = slowTick
	}
	return tea.Batch(a.notice(), guard(feed(a.ctx, v, pause)))
}

// key dispatches one key to the overlay or through the table.
func (a *App) key(key string, msg tea.KeyMsg) tea.Cmd {
	switch a.overlay {
	case overlayHelp:
		a.helpKey(key)
		return nil
	case overlayLeave:
		return a.leaveKey(key)
	case overlayExport:
		return a.exportKey(key)
	case overlayPrompt:
		if key != "ctrl+c" {
			return a.promptKey(key, msg)
		}
	}
	if b := a.firstOf(key); b != nil {
		return b.do(a, key)
	}
	return nil
}

// firstOf returns the binding that a key has in the focused pane now, or nil.
func (a *App) firstOf(key string) *binding {
	for i := range a.table {
		if b := &a.table[i]; slices.Contains(b.keys, key) && b.works(a, a.focus) {
			return b
		}
	}
	return nil
}

// send sends a command to the run. If that fails, the log and the readout row
// say why.
func (a *App) send(c pipeline.Command) { a.sendTo(a.shown, c) }

// sendTo sends a command to the run of a view.
func (a *App) sendTo(v *view, c pipeline.Command) {
	c.Source = "keyboard"
	if err := v.src.Send(c); err != nil {
		text := fmt.Sprintf("%s: %v", c.Do, err)
		a.scene.run.Log.Add(state.Line{Time: a.scene.now, Level: "warn", Text: text, Step: a.scene.run.Step.GlobalStep})
		a.say(text)
		return
	}
	switch c.Do {
	case pipeline.Pause:
		v.run.Status = pipeline.StandingPausing
	case pipeline.PauseAt:
		if c.AtStep > 0 {
			a.say(fmt.Sprintf("pauses after step %d; :pause-at 0 cancels", c.AtStep))
		} else {
			a.say("will not pause by itself")
		}
	case pipeline.Calibrate:
		a.say(fmt.Sprintf("asked to measure n=%d", c.Images))
	case pipeline.Inspect:
		a.say("asked for the scales of " + c.Layer)
	case pipeline.Accept, pipeline.Retry, pipeline.Back:
		round, _ := v.run.Round()
		a.say("asked to " + state.Verdict(c.Do, round.Round))
	case pipeline.Scan:
		a.say("asked for each layer's sensitivity")
	}
}

func (a *App) command(do pipeline.Action) { a.send(pipeline.Command{Do: do}) }

// say shows a message in the readout row for a while.
func (a *App) say(text string) {
	a.said, a.saidUntil, a.stale = text, a.scene.now.Add(sayFor), true
}

func (a *App) setFocus(p paneID) { a.focus = p }

func (a *App) move(dx, dy int) { a.panes[a.focus].move(&a.scene, dx, dy) }

// stepSize selects another calibration size.
func (a *App) stepSize(n int) {
	a.scene.moveSize(n)
	if size := a.scene.selectedSize(); size > 0 && a.focus != paneCalibration {
		a.say(fmt.Sprintf("calibration size n=%d; 3 shows it", size))
	}
}

// toggleCursor turns the cursor that all panes follow on or off.
func (a *App) toggleCursor() {
	if a.scene.cursorOn {
		a.scene.cursorOn = false
	} else {
		a.loss.move(&a.scene, 1, 0) // turns on at the newest step
	}
}

// back goes one step back.
func (a *App) back() tea.Cmd {
	switch {
	case !rowsShown(a):
		a.layers.groups = false
	case a.focus == paneRounds && costsShown(a):
		a.rounds.costs.on = false
	case a.filter() != nil && a.filter().text != "":
		_ = a.refilter(func() error { return a.filter().set("") }) // which passes all
	case a.focus == paneLog && a.log.least > 0:
		a.log.refilter(&a.scene, func() { a.log.least = 0 })
	case a.focus == paneScales && a.scales.part == oneChannel:
		a.scales.part = allChannels
	case a.scene.cursorOn:
		a.scene.cursorOn = false
	case a.runs.comparison != nil:
		a.runs.comparison, a.scene.others = nil, nil
	case a.maximised:
		a.maximised = false
	case a.shown.player != nil:
		return a.endReplay()
	case a.shown != a.home:
		return a.goHome()
	}
	return nil
}

func (a *App) setTier(t theme.Tier) {
	a.scene.tier, a.scene.canvas = t, chart.NewCanvas(t)
	a.palette = theme.Palette(a.renderer, a.mode, t)
	a.grid.Spell = nil
	if t == theme.ASCII {
		a.grid.Spell = t.Spell
	}
}

func (a *App) setMode(m theme.Mode) {
	a.mode = m
	a.palette = theme.Palette(a.renderer, m, a.scene.tier)
}
