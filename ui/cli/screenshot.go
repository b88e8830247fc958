package cli

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"espalier/compress/pipeline"
	"espalier/internal/atomicfile"
	"espalier/ui"
)

func newScreenshot() *cobra.Command {
	var (
		dir, size, output string
		svg, png, text    bool
		options           ui.Options
		shot              ui.ShotOptions
		keys              string
	)
	cmd := &cobra.Command{
		Use:   "screenshot RUN",
		Short: "Draw the screen of a run without a terminal",
		Long: `Screenshot draws what attach would show of a run that is over or in progress, as text,
SVG or PNG: as it is now or as it was after a step. RUN is a folder or a name
in --run-dir. The picture goes to standard output unless --output names a file.`,
		Example: `  espalier screenshot quick-20261122-140219
  espalier screenshot quick-20261122-140219 --pane layers --size 80x24 --svg -o layers.svg
  espalier screenshot quick-20261122-140219 --step 1200 --keys "4 j j" --png -o scales.png`,
		Args:              one("RUN"),
		ValidArgsFunction: runNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			if n, err := fmt.Sscanf(size, "%dx%d", &shot.Width, &shot.Height); n != 2 || err != nil || shot.Width < 1 || shot.Height < 1 || shot.Width > 1000 || shot.Height > 1000 {
				return fmt.Errorf("--size %q: want columns and rows, as 120x36, at most 1000x1000", size)
			}
			folder, err := findRun(dir, args[0])
			if err != nil {
				return err
			}
			source, err := pipeline.OpenReplay(folder, false)
			if err != nil {
				return err
			}
			defer source.Close()
			shot.Keys = strings.Fields(keys)
			options.Runs, options.Computed = shelfOf(folder), folder.Live
			picture, err := ui.Draw(source, options, shot)
			if failed := source.Err(); failed != nil {
				return failed
			}
			if err != nil {
				return fmt.Errorf("draw run %s: %w", folder.Name(), err)
			}
			write := func(w io.Writer) error {
				_, err := io.WriteString(w, picture.Text())
				return err
			}
			switch {
			case svg:
				write = picture.SVG
			case png:
				write = picture.PNG
				if output == "" && isTerminal(os.Stdout) {
					return fmt.Errorf("a PNG is not for terminals: name a file with --output")
				}
			}
			if output == "" {
				return write(cmd.OutOrStdout())
			}
			return atomicfile.Write(output, write)
		},
	}
	addRunDir(cmd, &dir)
	flags := cmd.Flags()
	flags.StringVar(&size, "size", "120x36", "columns and rows")
	flags.StringVar(&shot.Pane, "pane", "", "pane that has the focus, such as layers (default: loss)")
	flags.IntVar(&shot.Step, "step", 0, "show the run as it was after this training step (0: as it is now)")
	flags.StringVar(&keys, "keys", "", `keys to press first, separated by spaces, such as "2 j j enter"`)
	flags.StringVar(&options.Theme, "theme", "dark", "colours: dark or light")
	flags.StringVar(&options.Glyphs, "glyphs", "braille", "glyphs: braille, lines or ascii")
	flags.BoolVar(&text, "text", false, "as text (the default)")
	flags.BoolVar(&svg, "svg", false, "as a vector picture")
	flags.BoolVar(&png, "png", false, "as a bitmap")
	flags.StringVarP(&output, "output", "o", "", "file to write")
	cmd.MarkFlagsMutuallyExclusive("text", "svg", "png")
	return cmd
}
