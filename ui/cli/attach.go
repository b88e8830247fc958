package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"espalier/compress/pipeline"
	"espalier/ui"
)

func newAttach() *cobra.Command {
	var (
		dir     string
		display displayFlags
	)
	cmd := &cobra.Command{
		Use:   "attach [RUN]",
		Short: "Watch a run that another process computes, or one that is over",
		Long: `Attach shows a run from its folder. While another process computes it, the run is
shown live and can be steered; when it is over, all of it is shown. Leaving does not
change the run. RUN is a folder or a name in --run-dir; without it, the live run is
shown.`,
		Args:              atMostOne("RUN"),
		ValidArgsFunction: runNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			folder, err := attachTo(cmd, dir, args)
			if err != nil {
				return err
			}
			source, err := pipeline.OpenReplay(folder, folder.Live())
			if err != nil {
				return err
			}
			defer source.Close()
			if display.onScreen(cmd) {
				display.screen.Attached, display.screen.Computed = true, folder.Live
				left, shown := display.draw(cmd, source, folder)
				if shown && left == ui.Resume {
					return display.goOn(cmd)
				}
				if shown {
					fmt.Fprintln(cmd.OutOrStdout(), standing(folder))
					return nil
				}
			}
			return display.printAttached(cmd, source, folder)
		},
	}
	addRunDir(cmd, &dir)
	display.add(cmd)
	return cmd
}

// printAttached prints a run that this process does not compute: up to its end,
// or as far as it came.
func (f *displayFlags) printAttached(cmd *cobra.Command, source *pipeline.Replay, folder pipeline.Folder) error {
	ctx, end := context.WithCancel(cmd.Context())
	defer end()
	live := source.Follows()
	if !live {
		end() // print what is there, which may have no end
	}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		select {
		case <-source.Lost():
			end()
		case <-ctx.Done():
		}
	}()
	err := f.printUntil(ctx, cmd, source)
	end()
	<-gone
	if err == nil {
		err = cmd.Context().Err()
	}
	if err == nil {
		err = source.Err()
	}
	if l := folder.Listing(); err == nil && live && l.Status == pipeline.StatusDead {
		return runError{fmt.Errorf("the process that computed the run is gone; go on with: espalier run --resume %s", folder)}
	}
	return err
}

// standing says where a run stands that was looked at, and how to come back.
func standing(folder pipeline.Folder) string {
	l := folder.Listing()
	switch stands := l.Standing(time.Now()); {
	case l.Status == pipeline.StatusLive || l.Status == pipeline.StatusUnknown:
		return fmt.Sprintf("The run is %s; look at it again with: espalier attach %s", stands, folder)
	case l.Status == pipeline.StatusDone && l.State.Done.Reason != "":
		return fmt.Sprintf("The run %s ended as %s: %s; its report is %s", folder.Name(), stands, l.State.Done.Reason, folder.Report())
	case l.Status == pipeline.StatusDone:
		return fmt.Sprintf("The run %s is %s; its report is %s", folder.Name(), stands, folder.Report())
	default:
		return fmt.Sprintf("The run %s is %s; go on with: espalier run --resume %s", folder.Name(), stands, folder)
	}
}

// attachTo returns the run that the arguments name, or the one that is live.
// Where there are several, it asks on a terminal, and elsewhere lists them.
func attachTo(cmd *cobra.Command, root string, args []string) (pipeline.Folder, error) {
	if len(args) > 0 {
		return findRun(root, args[0])
	}
	live, err := pipeline.LiveRuns(root)
	switch {
	case err != nil:
		return "", err
	case len(live) == 0:
		return "", fmt.Errorf("no run under %s is live: name a run that is over (espalier runs lists them), or begin one with espalier run", root)
	case len(live) == 1:
		return live[0], nil
	}
	in, ok := cmd.InOrStdin().(*os.File)
	if ok && term.IsTerminal(int(in.Fd())) && isTerminal(cmd.ErrOrStderr()) {
		n, err := chooseRun(in, cmd.ErrOrStderr(), live)
		if err != nil {
			return "", err
		}
		return live[n], nil
	}
	var names []string
	for _, f := range live {
		names = append(names, f.Name())
	}
	return "", fmt.Errorf("%d runs are live: name one of %s", len(names), strings.Join(names, ", "))
}

// chooseRun asks for one of several live runs and returns its place.
func chooseRun(in io.Reader, out io.Writer, live []pipeline.Folder) (int, error) {
	for i, f := range live {
		fmt.Fprintf(out, "%3d  %s  %.0f %% done\n", i+1, f.Name(), 100*f.Listing().State.Overall)
	}
	return choose(in, out, "Which run?", len(live))
}
