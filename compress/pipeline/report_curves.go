package pipeline

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"espalier/configs"
)

// sensitivityTables writes a table of the rise in loss for everything that layers
// lost: a row for every layer, a column for every level, a shade for how high the
// rise is among all in the table.
func sensitivityTables(w io.Writer, s *State) {
	if len(s.Curves) == 0 {
		return
	}
	whole := s.Curves[0]
	fmt.Fprintf(w, "\n## Sensitivity\n\nRise in loss over the dense network's %s, on the first %d images of %s, when one layer is made worse and nothing is trained.\n", loss(whole.Loss), whole.Images, whole.Split)
	for _, of := range []string{configs.OfWeights, configs.OfChannels, configs.OfBits} {
		var levels []float64
		var layers []string
		rises := make(map[string][]float64)
		most := 0.0
		for _, p := range s.Curves {
			if p.Of != of {
				continue
			}
			if !slices.Contains(levels, p.Level) {
				levels = append(levels, p.Level)
			}
			if !slices.Contains(layers, p.Layer) {
				layers = append(layers, p.Layer)
			}
			rise := float64(p.Loss - whole.Loss)
			rises[p.Layer] = append(rises[p.Layer], rise)
			if rise > most { // false for NaN
				most = rise
			}
		}
		if len(layers) == 0 {
			continue
		}
		fmt.Fprintf(w, "\n| layer |")
		for _, l := range levels {
			fmt.Fprintf(w, " %s |", levelHead(of, l))
		}
		fmt.Fprintf(w, "\n|---|%s\n", strings.Repeat("---:|", len(levels)))
		for _, layer := range layers {
			fmt.Fprintf(w, "| %s |", layer)
			for _, rise := range rises[layer] {
				fmt.Fprintf(w, " %s |", shadedRise(rise, most))
			}
			fmt.Fprintln(w)
		}
	}
}

func levelHead(of string, level float64) string {
	if of == configs.OfBits {
		return fmt.Sprintf("%g bits", level)
	}
	return fmt.Sprintf("%s of %s", Percent(level), of)
}

// shadedRise writes a rise with one of five shades, on the scale of its logarithm:
// each is about three times as high as the one before.
func shadedRise(rise, most float64) string {
	if math.IsNaN(rise) {
		return "█ not finite"
	}
	shade := 0
	if rise > 0 && most > 0 {
		shade = max(0, 4+int(math.Floor(2*math.Log10(rise/most)+1e-9)))
	}
	return fmt.Sprintf("%c %+.3f", []rune(" ░▒▓█")[min(shade, 4)], rise)
}
