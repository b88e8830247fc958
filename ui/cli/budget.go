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
	if b.MaxDrop, err = share(drop); err == nil && b.MaxDrop == 0 {
		err = fmt.Errorf("%q: want more than 0", drop)
	}
	if err != nil {
		return b, fmt.Errorf("--mixed %w", err)
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

// share reads a fraction, as 0.01 or 1%.
func share(text string) (float64, error) {
	number, percent := strings.CutSuffix(strings.TrimSpace(text), "%")
	v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if percent {
		v /= 100
	}
	if err != nil || !(v >= 0 && v < 1) {
		return 0, fmt.Errorf("%q: want a share from 0 to below 1, as 1%% or 0.01", text)
	}
	return v, nil
}
