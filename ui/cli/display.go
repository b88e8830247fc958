package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"espalier/compress/pipeline"
	"espalier/dataset"
	"espalier/model/zoo"
	"espalier/ui"
)

// displayFlags choose how a run is shown.
type displayFlags struct {
	tui, plain, asJSON bool
	screen             ui.Options
	next               pipeline.Folder // a run that the screen was left for
}

func (f *displayFlags) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.tui, "tui", false, "draw the screen even if stdout does not look like a terminal")
	cmd.Flags().BoolVar(&f.plain, "plain", false, "print lines, even on a terminal")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print every event as a line of JSON")
	cmd.Flags().StringVar(&f.screen.Theme, "theme", "auto", "colours of the screen: dark, light, or auto (the last choice, else $COLORFGBG)")
	cmd.Flags().StringVar(&f.screen.Glyphs, "glyphs", "auto", "glyphs of the screen: braille, lines, ascii, or auto (the last choice that the locale and the terminal can show)")
	cmd.Flags().BoolVar(&f.screen.NoMouse, "no-mouse", false, "do not use the mouse: the terminal keeps it")
	cmd.Flags().BoolVar(&f.screen.Bell, "bell", false, "ring when a round or the run ends while the terminal has no focus")
	cmd.PreRunE = func(*cobra.Command, []string) error { return f.check() }
}

// check refuses to show a run in two ways at once.
func (f *displayFlags) check() error {
	if f.tui && f.plain || f.tui && f.asJSON || f.plain && f.asJSON {
		return errors.New("give only one of --tui, --plain and --json")
	}
	return nil
}

// onScreen reports whether to draw. In the background of a shell that cannot be,
// whatever is asked for.
func (f *displayFlags) onScreen(cmd *cobra.Command) bool {
	if out, ok := cmd.OutOrStdout().(*os.File); ok && inBackground(out) {
		return false
	}
	return f.tui || !f.plain && !f.asJSON && isTerminal(cmd.OutOrStdout())
}

// print writes events as they come, up to the run's last one.
func (f *displayFlags) print(cmd *cobra.Command, source pipeline.Source) error {
	return f.printUntil(context.Background(), cmd, source)
}

// printUntil is print that ends with ctx, too.
func (f *displayFlags) printUntil(ctx context.Context, cmd *cobra.Command, source pipeline.Source) error {
	if f.asJSON {
		return pipeline.PrintJSON(ctx, cmd.OutOrStdout(), source)
	}
	return pipeline.PrintPlain(ctx, cmd.OutOrStdout(), source)
}

// newer is a source without the events up to a number.
type newer struct {
	pipeline.Source
	than int64
}

func (n newer) Since(after int64, limit int) []pipeline.Event {
	return n.Source.Since(max(after, n.than), limit)
}

// compute does a run's work in the background and shows it until its end.
func (f *displayFlags) compute(cmd *cobra.Command, run *pipeline.Run, p pipeline.Parts) error {
	// Signals end the work, but not while the screen is up, which takes them
	// itself.
	ctx, end := context.WithCancelCause(context.WithoutCancel(cmd.Context()))
	stop := func() { end(nil) }
	defer stop()
	// Writing to a closed pipe is an error then, not the process's end.
	signal.Ignore(syscall.SIGPIPE)
	var (
		done     pipeline.RunDone
		err      error
		computed = make(chan struct{})
	)
	go func() {
		defer close(computed)
		done, err = run.Do(ctx, p)
	}()
	lost, found := terminalLost()
	defer found()
	left, shown := ui.Quit, f.onScreen(cmd)
	if shown {
		if left, shown = f.draw(cmd, run.Hub, run.Folder); left == ui.Abort {
			return interrupted(run.Folder) // at once: the system frees what is held
		}
	}
	undo := context.AfterFunc(cmd.Context(), stop)
	defer undo()
	if !shown {
		if failed := f.printUntil(lost, cmd, run.Hub); failed != nil && lost.Err() == nil && !errors.Is(failed, syscall.EIO) {
			if errors.Is(failed, syscall.EPIPE) {
				end(pipeline.StopCause("closed output"))
			} else {
				stop()
			}
			<-computed
			run.Close()
			if errors.Is(failed, syscall.EPIPE) {
				return closedOutput(run.Folder, done)
			}
			return runError{fmt.Errorf("run %s: %w", run.Folder.Name(), failed)}
		}
		if lost.Err() != nil {
			fmt.Fprintln(cmd.ErrOrStderr(), goesOn)
		}
	} else if left == ui.Detach {
		signal.Ignore(syscall.SIGHUP) // the terminal may be gone
		text := goesOn
		if run.Hub.State().Paused {
			text = fmt.Sprintf(staysPaused, run.Folder)
		}
		fmt.Fprintln(cmd.ErrOrStderr(), text)
		f.printRest(cmd, run.Hub)
	}
	<-computed
	if shown && left != ui.Detach && left != ui.Resume {
		fmt.Fprintln(cmd.OutOrStdout(), standing(run.Folder))
	}
	if failed := run.Close(); err == nil && failed != nil {
		err = fmt.Errorf("closing the run %s: %w", run.Folder.Name(), failed)
	}
	switch {
	case left == ui.Resume:
		return f.goOn(cmd)
	case err != nil:
		return runError{err}
	case run.Interrupted():
		return interrupted(run.Folder)
	case done.Status == pipeline.StatusDone && nonePassed(run.Hub.State()):
		return errCheckFailed // the run's last event says why
	}
	return nil
}

// nonePassed reports whether a run that pruned has no round that passed: its
// network does not keep what was asked.
func nonePassed(s pipeline.State) bool { return len(s.Rounds) > 0 && s.Passed() == nil }

// printRest prints what comes from now on, unless the run is over. Where the
// terminal is gone, this fails, and the run goes on unseen.
func (f *displayFlags) printRest(cmd *cobra.Command, hub *pipeline.Hub) {
	now := hub.Seq()
	if hub.State().Done == nil {
		f.print(cmd, newer{hub, now})
	}
}

// draw shows a source on the terminal. Where that fails, the run is not
// touched: the reason is printed, and lines follow instead.
func (f *displayFlags) draw(cmd *cobra.Command, source pipeline.Source, folder pipeline.Folder) (left ui.Outcome, shown bool) {
	options := f.screen
	options.Runs = shelfOf(folder)
	options.Resume = func(next pipeline.Folder) { f.next = next }
	if config, err := os.UserConfigDir(); err == nil {
		options.Preferences = filepath.Join(config, "espalier", "screen.yaml")
	}
	left, err := ui.Run(context.WithoutCancel(cmd.Context()), source, options)
	if err != nil {
		fmt.Fprintf(cmd.ErrOrStderr(), "espalier: %v\n", err)
		return ui.Quit, false
	}
	return left, true
}

// goOn takes up the run that the screen was left for.
func (f *displayFlags) goOn(cmd *cobra.Command) error {
	again := runFlags{resume: string(f.next), display: *f}
	again.display.screen.Attached = false
	return again.goOn(cmd)
}

// These tell whoever is there of a run that nobody looks at.
const (
	goesOn      = "The run goes on without a screen; ctrl+c saves a checkpoint and stops it."
	staysPaused = "The run stays paused without a screen; to go on, attach a screen: espalier attach %s; ctrl+c saves a checkpoint and stops it."
)

// terminalLost returns a context that ends with SIGHUP, which a process gets
// when its terminal is gone. Where the signal is ignored, as under nohup, it
// stays so. Writing to such a terminal fails with EIO, before the signal or
// after it.
func terminalLost() (context.Context, context.CancelFunc) {
	if signal.Ignored(syscall.SIGHUP) {
		return context.WithCancel(context.Background())
	}
	return signal.NotifyContext(context.Background(), syscall.SIGHUP)
}

// interrupted says how to go on.
func interrupted(folder pipeline.Folder) error {
	return fmt.Errorf("the run was %w; go on with: espalier run --resume %s", errInterrupted, folder)
}

// closedOutput ends a run whose output was closed, as that of "espalier run |
// head" is.
func closedOutput(folder pipeline.Folder, done pipeline.RunDone) error {
	if done.Status == pipeline.StatusDone {
		return fmt.Errorf("%w; the run is done, and its report is %s", errClosedOutput, folder.Report())
	}
	return fmt.Errorf("%w, so the run was saved and stopped; go on with: espalier run --resume %s", errClosedOutput, folder)
}

// parts are what this program brings to a run.
func parts() pipeline.Parts {
	p := pipeline.Parts{Version: thisBuild().String(), Embedded: zoo.Load}
	if cache, err := dataset.CacheDir(); err == nil {
		p.Cache = filepath.Join(cache, "networks")
	}
	return p
}

// findRun returns the folder of a run named by its path or by its name under
// root.
func findRun(root, name string) (pipeline.Folder, error) {
	for _, path := range []string{name, filepath.Join(root, name)} {
		f := pipeline.Folder(path)
		if _, err := os.Stat(f.Journal()); err == nil {
			return f, nil
		}
	}
	return "", fmt.Errorf("there is no run %s, neither as a folder nor under %s: see espalier runs", name, root)
}

// runNames completes the names of runs in the usual place.
func runNames(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	journals, _ := filepath.Glob(filepath.Join(defaultRuns, "*", "journal.jsonl"))
	var names []string
	for _, j := range journals {
		names = append(names, filepath.Base(filepath.Dir(j)))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
