package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"espalier/dataset"
)

// dataHelp describes the flag --data.
const dataHelp = "folder, archive or .npz file of images; the data set is recognised (default: $" + dataset.EnvData + ", then the user's cache)"

// contents says what a data set is, in a sentence about the place that holds it.
func contents(set string) string {
	switch set {
	case dataset.Folder:
		return "images, one folder for each class"
	case dataset.NPZ:
		return "images as NumPy arrays"
	}
	return set
}

// openImages opens images, and says on stderr which data set was recognised and
// what was left out.
func openImages(cmd *cobra.Command, o dataset.Options, recognised bool) (*dataset.Data, error) {
	if recognised {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s holds %s\n", o.Path, contents(o.Set))
	}
	d, err := dataset.Open(o)
	if err != nil {
		return nil, err
	}
	for _, text := range d.Warnings {
		fmt.Fprintf(cmd.ErrOrStderr(), "warning: %s\n", text)
	}
	return d, nil
}
