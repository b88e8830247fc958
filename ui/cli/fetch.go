package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"espalier/dataset"
	"espalier/ui/bar"
)

func newFetch() *cobra.Command {
	var (
		dir    string
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "fetch",
		Short: "Download CIFAR-10",
		Long: `Fetch downloads CIFAR-10's binary version from its authors (170 MB), checks the
checksum and unpacks it into the user's cache, where the other commands look. An
interrupted download resumes where it stopped.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			folder, err := fetch(cmd, dir)
			if err != nil {
				return err
			}
			return answer(cmd.OutOrStdout(), asJSON, map[string]string{"folder": folder}, "CIFAR-10 is in "+folder)
		},
	}
	cmd.Flags().StringVar(&dir, "data", "", "folder to unpack into (default: the user's cache)")
	addJSON(cmd, &asJSON)
	return cmd
}

// fetch downloads into dir, or the user's cache, and draws the progress on
// stderr.
func fetch(cmd *cobra.Command, dir string) (folder string, err error) {
	if dir == "" {
		if dir, err = dataset.CacheDir(); err != nil {
			return "", err
		}
	}
	b := bar.New(cmd.ErrOrStderr(), isTerminal(cmd.ErrOrStderr()), "CIFAR-10")
	folder, err = dataset.Fetch(cmd.Context(), dir, b.Set)
	b.End()
	if err != nil {
		return "", runError{err}
	}
	return folder, nil
}

// offerFetch asks whether to download the data that err says is missing. It
// returns err where nobody can answer or the answer is no.
func offerFetch(cmd *cobra.Command, err error) error {
	if !errors.Is(err, dataset.ErrMissing) || !isTerminal(cmd.InOrStdin()) || !isTerminal(cmd.ErrOrStderr()) {
		return err
	}
	if !confirm(cmd.InOrStdin(), cmd.ErrOrStderr(), "CIFAR-10 was not found. Download it now (170 MB)?") {
		return err
	}
	_, err = fetch(cmd, "")
	return err
}
