package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

// A build is what this program was made from and for.
type build struct {
	Version  string   `json:"version"`
	Revision string   `json:"revision,omitempty"`
	Go       string   `json:"go"`
	System   string   `json:"system"`  // as linux/amd64
	Kernels  []string `json:"kernels"` // that this machine can run, the fastest first
}

// thisBuild reads what the Go linker noted.
func thisBuild() build {
	b := build{Version: "unknown", Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH, Kernels: kernelNames()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if info.Main.Version != "" {
		b.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			b.Revision = s.Value
		}
	}
	return b
}

// String returns the version, or the revision where there is no version.
func (b build) String() string {
	if b.Version == "(devel)" && len(b.Revision) >= 12 {
		return b.Revision[:12]
	}
	return b.Version
}

func newVersion() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version and what this machine can compute with",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b := thisBuild()
			words := fmt.Sprintf("espalier %s, %s, %s, kernels %s", b, b.Go, b.System, strings.Join(b.Kernels, " "))
			return answer(cmd.OutOrStdout(), asJSON, b, words)
		},
	}
	addJSON(cmd, &asJSON)
	return cmd
}
