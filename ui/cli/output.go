package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// foreign are the endings of formats that this program, or others, keep weights
// in.
var foreign = []string{".safetensors", ".onnx", ".pt", ".pth", ".th", ".ckpt", ".bin", ".pkl", ".pickle", ".npz", ".npy", ".h5", ".hdf5", ".tflite", ".pb", ".gguf", ".yaml", ".yml", ".json"}

// checkOutput refuses to write path over one of the sources, also through links,
// over a folder, and under the ending of another format than ending.
func checkOutput(path, ending string, sources ...string) error {
	if have := strings.ToLower(filepath.Ext(path)); have != ending && slices.Contains(foreign, have) {
		return fmt.Errorf("%s: the file to write is %s inside: give it a name that ends in %[2]s", path, ending)
	}
	to, err := os.Stat(path)
	if err != nil {
		return nil // not there yet; writing will tell what else is wrong
	}
	if to.IsDir() {
		return fmt.Errorf("%s is a folder: name a file to write", path)
	}
	for _, source := range sources {
		from, err := os.Stat(source)
		if err == nil && os.SameFile(from, to) {
			return fmt.Errorf("%s is the source %s itself, which would be lost: name another file to write", path, source)
		}
	}
	return nil
}

// stderrOf is where a command writes notes, once it runs.
type stderrOf struct{ cmd *cobra.Command }

func (s stderrOf) Write(p []byte) (int, error) { return s.cmd.ErrOrStderr().Write(p) }

// sayNotes prints what a reader of files chose or passed over, unless the answer
// is for programs.
func sayNotes(w io.Writer, asJSON bool, path string, notes []string) {
	if asJSON {
		return
	}
	for _, note := range notes {
		fmt.Fprintf(w, "note: %s: %s\n", filepath.Base(path), note)
	}
}
