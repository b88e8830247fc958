package cli

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"espalier/compress/pipeline"
	"espalier/compress/report"
	"espalier/internal/atomicfile"
)

// reportFlags say what to write.
type reportFlags struct {
	dir         string
	html        bool
	output      string
	tensorboard string
	asJSON      bool
}

func newReport() *cobra.Command {
	var f reportFlags
	cmd := &cobra.Command{
		Use:   "report RUN...",
		Short: "Write a run's report: tables, settings and charts, or compare runs",
		Long: `Report writes report.md, result.json, metrics.csv and the charts of a run, over or not,
into its folder, and prints their names. All of them are made from the journal. RUN
is a folder or a name in --run-dir.

--html also writes report.html: one file with tables, charts, the network and all
settings, which needs no script and nothing outside itself. Of several runs --html
writes one page that holds them against the first: what they reached, with a
verdict only where a difference leaves the noise, and which settings differ.

--tensorboard writes an event file for each run under DIR: tensorboard --logdir DIR
shows them. --json also prints what result.json holds.`,
		Example: `  espalier report quick-20261122-140219 --html
  espalier report first second --html -o compare.html
  espalier report first second --tensorboard logs`,
		Args:              atLeastOne("RUN"),
		ValidArgsFunction: runNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := f.write(args)
			if err != nil {
				return err
			}
			return answer(cmd.OutOrStdout(), f.asJSON, a, strings.Join(a.Files, "\n"))
		},
	}
	addRunDir(cmd, &f.dir)
	cmd.Flags().BoolVar(&f.html, "html", false, "write one HTML page, too; of several runs a comparison")
	cmd.Flags().StringVarP(&f.output, "output", "o", "", "page to write (default: report.html in the run's folder, or compare.html)")
	cmd.Flags().StringVar(&f.tensorboard, "tensorboard", "", "folder to write TensorBoard's event files under")
	addJSON(cmd, &f.asJSON)
	return cmd
}

// reported is the answer of the command report.
type reported struct {
	Files   []string          `json:"files"`
	Results []json.RawMessage `json:"results"` // of each run, as result.json
}

// write writes everything that the flags ask for.
func (f *reportFlags) write(names []string) (a reported, err error) {
	if f.output != "" && !f.html {
		return a, errors.New("--output names the page that --html writes: add --html")
	}
	var folders []pipeline.Folder
	for _, name := range names {
		folder, err := findRun(f.dir, name)
		if err != nil {
			return a, err
		}
		folders = append(folders, folder)
	}
	a.Files = []string{}
	for _, folder := range folders {
		files, err := pipeline.WriteReport(folder)
		if err != nil {
			return a, err
		}
		for _, name := range files {
			a.Files = append(a.Files, folder.Path(name))
		}
		if err := a.add(folder.Path("metrics.csv"), func(w io.Writer) error { return report.WriteCSV(w, folder) }); err != nil {
			return a, err
		}
		result, err := os.ReadFile(folder.Result())
		if err != nil {
			return a, err
		}
		a.Results = append(a.Results, result)
		if f.tensorboard != "" {
			path, err := report.WriteTensorBoard(f.tensorboard, folder)
			if err != nil {
				return a, err
			}
			a.Files = append(a.Files, path)
		}
	}
	if !f.html {
		return a, nil
	}
	path, page := f.output, func(w io.Writer) error { return report.WriteComparison(w, folders) }
	if len(folders) == 1 {
		page = func(w io.Writer) error { return report.WriteHTML(w, folders[0]) }
	}
	switch {
	case path == "" && len(folders) == 1:
		path = folders[0].Path("report.html")
	case path == "":
		path = "compare.html"
	}
	if err := checkOutput(path, ".html"); err != nil {
		return a, err
	}
	return a, a.add(path, page)
}

// add writes a file and notes its name.
func (a *reported) add(path string, write func(io.Writer) error) error {
	if err := atomicfile.Write(path, write); err != nil {
		return err
	}
	a.Files = append(a.Files, path)
	return nil
}
