// Package ui shows a run in the terminal and steers it.
//
// A run is a pipeline.Source: events come out of it, commands go in. The screen
// looks for new events ten times a second, folds them into a state, and
// draws the state's panes into a grid of cells; the engine never waits for it.
// The same code shows live, attached and finished runs.
//
// app.go takes messages apart, layout.go says where everything is, keys.go holds
// every key, and each pane has a file of its own.
package ui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	_ "espalier/ui/probe" // before Bubble Tea

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"

	"espalier/compress/pipeline"
)

// Run shows a run until the user leaves and says how they left. The terminal is
// restored whatever happens.
//
// When ctx ends, or the terminal is hung up, Run returns Detach: the run may go
// on. SIGINT and SIGTERM from outside ask the run to stop now and return
// StopNow. An error means that the screen could not start or failed; the run
// itself is not touched by that.
func Run(ctx context.Context, src pipeline.Source, o Options) (Outcome, error) {
	out := o.Output
	if out == nil {
		out = os.Stdout
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	app, err := newApp(ctx, src, o, lipgloss.NewRenderer(out), time.Now)
	if err != nil {
		return Detach, fmt.Errorf("starting the screen: %w", err)
	}
	program := tea.NewProgram(sent{app}, programOptions(out, o, !app.mouseOff)...)
	stopped := watch(ctx, program)
	_, err = program.Run()
	cancel()
	<-stopped
	app.goHome() // closes what was opened
	if failed := app.remember(); failed != nil && err == nil {
		fmt.Fprintf(os.Stderr, "espalier: %v\n", failed)
	}
	switch {
	case app.crash != nil:
		return Detach, app.crash
	case errors.Is(err, tea.ErrInterrupted):
		return StopNow, nil
	case err != nil:
		return Detach, fmt.Errorf("showing the run on the terminal: %w; try --plain", err)
	}
	return app.outcome, nil
}

// framesPerSecond bounds how often a frame is written, and by that how long the
// answer to a key may wait: 17 ms. A frame is built, and written, only when
// something changed.
const framesPerSecond = 60

func programOptions(out io.Writer, o Options, mouse bool) []tea.ProgramOption {
	options := []tea.ProgramOption{
		tea.WithOutput(out), tea.WithAltScreen(), tea.WithReportFocus(), tea.WithFPS(framesPerSecond), tea.WithoutSignalHandler(),
	}
	if o.Input != nil {
		options = append(options, tea.WithInput(o.Input))
	}
	if mouse {
		options = append(options, tea.WithMouseCellMotion())
	}
	return options
}

// watch leaves the screen when ctx ends or a signal arrives. The channel it
// returns is closed when it has stopped watching, soon after the end of ctx.
func watch(ctx context.Context, program *tea.Program) <-chan struct{} {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		defer signal.Stop(signals)
		select {
		case <-ctx.Done():
			program.Send(leaveMsg(Detach))
		case s := <-signals:
			if s == syscall.SIGHUP {
				program.Send(leaveMsg(Detach))
			} else {
				program.Send(leaveMsg(StopNow))
			}
			<-ctx.Done()
		}
	}()
	return stopped
}

// crashMsg reports a panic in a command.
type crashMsg error

// guard turns a panic in a command into a message, so that the terminal is
// restored before it is told.
func guard(c tea.Cmd) tea.Cmd {
	return func() (msg tea.Msg) {
		defer func() {
			if v := recover(); v != nil {
				msg = crashMsg(fmt.Errorf("the screen failed: %v\n%s", v, debug.Stack()))
			}
		}()
		return c()
	}
}
