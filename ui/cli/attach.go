package cli

import (
	"context"

	"github.com/spf13/cobra"

	"espalier/compress/pipeline"
	"espalier/ui"
)

func newAttach() *cobra.Command {
	var (
		dir     string
		display displayFlags
	)
	cmd := &cobra.Command{
		Use:   "attach RUN",
		Short: "Look at a run that another process computes, or that is over",
		Long: `Attach shows a run from its folder: live, and steering it, while another process
computes it; from the beginning to the end when it is over. Leaving does not
touch the run. RUN is a folder or a name in --run-dir.`,
		Args:              one("RUN"),
		ValidArgsFunction: runNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			folder, err := findRun(dir, args[0])
			if err != nil {
				return err
			}
			live := folder.Live()
			source, err := pipeline.OpenReplay(folder, live)
			if err != nil {
				return err
			}
			defer source.Close()
			if display.onScreen(cmd) {
				display.screen.Attached = true
				left, shown := display.draw(cmd, source, folder)
				if shown && left == ui.Resume {
					return display.goOn(cmd)
				}
				if shown {
					return nil
				}
			}
			ctx, end := context.WithCancel(cmd.Context())
			defer end()
			if !live {
				end() // print what is there, which may have no end
			}
			if err := display.printUntil(ctx, cmd, source); err != nil {
				return err
			}
			return cmd.Context().Err()
		},
	}
	addRunDir(cmd, &dir)
	display.add(cmd)
	return cmd
}
