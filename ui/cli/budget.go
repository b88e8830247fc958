package cli

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"espalier/compress/quantize"
)

// mixedBudget reads --size and --mixed, of which at most one is given, without
// --weights, which they choose.
func mixedBudget(cmd *cobra.Command, size, drop string) (b quantize.Budget, err error) {
	if size == "" && drop == "" {
		return b, nil
	}
	if size != "" && drop != "" {
		return b, fmt.Errorf("--size and --mixed are two budgets: give one of them")
	}
	if cmd.Flags().Changed("weights") {
		return b, fmt.Errorf("--weights gives all layers the same bits, and --size and --mixed choose them: leave one out")
	}
	if size != "" {
		b.Bytes, err = parseSize(size)
		return b, err
	}
	share, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(drop, "%")), 64)
	if err != nil || !(share > 0 && share < 100) {
		return b, fmt.Errorf("--mixed %q: want the most that top-1 may drop, as 0.5%%", drop)
	}
	b.MaxDrop = share
	if strings.HasSuffix(drop, "%") {
		b.MaxDrop = share / 100
	}
	if b.MaxDrop >= 1 {
		return b, fmt.Errorf("--mixed %q: want less than 100%%; write 0.5%% or 0.005", drop)
	}
	return b, nil
}

// parseSize reads an amount of memory, as "60kB", "1.5 MB", "64KiB" or "60000".
func parseSize(text string) (int64, error) {
	number, unit := strings.TrimSpace(text), 1.0
	for _, u := range []struct {
		name  string
		bytes float64
	}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"B", 1}} {
		if rest, ok := strings.CutSuffix(number, u.name); ok {
			number, unit = strings.TrimSpace(rest), u.bytes
			break
		}
	}
	v, err := strconv.ParseFloat(number, 64)
	if err != nil || !(v*unit >= 1 && v*unit < 1<<50) {
		return 0, fmt.Errorf("--size %q: want an amount of bytes, as 60kB or 64KiB", text)
	}
	return int64(v * unit), nil
}
