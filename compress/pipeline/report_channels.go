package pipeline

import (
	"fmt"
	"io"
	"strings"

	"espalier/internal/plural"
)

// channelTables writes for every round that removed channels what is left of each
// group and of the network.
func channelTables(w io.Writer, s *State) {
	for _, c := range s.Slices {
		fmt.Fprintf(w, "\n## Channels of round %d\n\nMultiply-adds for one image %s, before %s (%s %%). Parameters %s, before %s (%s %%).\n\n", c.Round,
			plural.Thousands(c.MACs), plural.Thousands(c.MACsBefore), Points(float64(c.MACs)/float64(c.MACsBefore)-1),
			plural.Thousands(c.Parameters), plural.Thousands(c.ParametersBefore), Points(float64(c.Parameters)/float64(c.ParametersBefore)-1))
		fmt.Fprint(w, "| group | channels | left | | computed by | tied by |\n|---|---:|---:|---|---|---|\n")
		for _, g := range c.Groups {
			fmt.Fprintf(w, "| %s | %d | %d | `%s` | %s | %s |\n", g.Name, g.Before, g.Kept, keptBar(g), strings.Join(g.Layers, ", "), strings.Join(g.Ties, "; "))
		}
	}
}

// keptBar draws the share of a group's channels that is left in ten cells.
func keptBar(g GroupInfo) string {
	full := (10*g.Kept + g.Before/2) / max(g.Before, 1)
	return strings.Repeat("█", full) + strings.Repeat("·", 10-full)
}
