package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"espalier/compress/pipeline"
)

func newReport() *cobra.Command {
	var (
		dir    string
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "report RUN",
		Short: "Write a run's report: tables, settings and charts",
		Long: `Report writes report.md, result.json and the charts of a run, over or not, into its
folder, and prints their names. All of them are made from the journal. RUN is a folder
or a name in --run-dir.`,
		Args:              one("RUN"),
		ValidArgsFunction: runNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			folder, err := findRun(dir, args[0])
			if err != nil {
				return err
			}
			names, err := pipeline.WriteReport(folder)
			if err != nil {
				return err
			}
			files := []string{}
			for _, name := range names {
				files = append(files, folder.Path(name))
			}
			return answer(cmd.OutOrStdout(), asJSON, map[string][]string{"files": files}, strings.Join(files, "\n"))
		},
	}
	addRunDir(cmd, &dir)
	addJSON(cmd, &asJSON)
	return cmd
}
