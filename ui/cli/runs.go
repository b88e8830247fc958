package cli

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"espalier/compress/pipeline"
)

// A runRow is a run in the answer of the command runs. Shares are 0 to 1, top-1
// on the test split, and null where a run has not come so far.
type runRow struct {
	Name       string            `json:"name"`
	Folder     string            `json:"folder"`
	State      pipeline.Standing `json:"state"`
	Experiment string            `json:"experiment"`
	Dataset    string            `json:"dataset"`
	Begun      *time.Time        `json:"begun"`
	Dense      *float64          `json:"dense_top1"`
	Sparsity   *float64          `json:"sparsity"`
	Top1       *float64          `json:"top1"`
	Int8       *float64          `json:"int8_top1"`
	Error      string            `json:"error,omitempty"`
}

func newRuns() *cobra.Command {
	var (
		dir    string
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "runs",
		Short: "List the runs, the newest first",
		Long: `Runs lists the runs under --run-dir, the newest first. While a process computes it, a
run is starting, running, paused, stopping or silent. When it is over, it is done,
gate failed, diverged, stopped (somebody asked for it) or failed. It is dead if its
process is gone before the end, and unknown if it is another user's. Accuracies are
top-1 on the test split: of the dense network, at the sparsity of the last round that
passed its gate, and in int8.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			listings, err := pipeline.ListRuns(dir)
			if err != nil {
				return err
			}
			rows := []runRow{} // an empty list, not null
			for _, l := range listings {
				rows = append(rows, newRunRow(l))
			}
			return answer(cmd.OutOrStdout(), asJSON, rows, runTable(rows, dir))
		},
	}
	addRunDir(cmd, &dir)
	addJSON(cmd, &asJSON)
	return cmd
}

func newRunRow(l pipeline.Listing) runRow {
	row := runRow{Name: l.Folder.Name(), Folder: string(l.Folder), State: l.Standing(time.Now())}
	if l.Err != nil {
		row.Error = l.Err.Error()
	}
	if s := l.State.Started; s != nil {
		row.Experiment, row.Dataset = s.Experiment, s.Dataset
		row.Begun = &l.State.Begun
	}
	if dense := l.State.Evaluation("dense", "test"); dense != nil {
		row.Dense = &dense.Top1
	}
	if passed := l.State.Passed(); passed != nil {
		row.Sparsity, row.Top1 = &passed.Sparsity, &passed.Top1
	}
	if q := l.State.Quantized; q != nil {
		row.Int8 = &q.Top1
	}
	return row
}

// runTable lays rows out in columns.
func runTable(rows []runRow, dir string) string {
	if len(rows) == 0 {
		return "There are no runs in " + dir + "; begin one with: espalier run"
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "RUN\tSTATE\tDATA\tDENSE\tSPARSITY\tTOP-1\tINT8")
	for _, r := range rows {
		if r.Error != "" {
			fmt.Fprintf(w, "%s\t%s\n", r.Name, r.Error)
			continue
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Name, r.State, r.Dataset, cell(r.Dense), cell(r.Sparsity), cell(r.Top1), cell(r.Int8))
	}
	w.Flush()
	return b.String()
}

// cell is a share in per cent, or a dash.
func cell(share *float64) string {
	if share == nil {
		return "-"
	}
	return fmt.Sprintf("%.2f %%", 100**share)
}
