package report

import (
	"fmt"
	"html"
	"strings"

	"espalier/internal/plural"
	"espalier/model"
)

// The drawing of a graph, in its own units: a box a node, from top to bottom,
// with wires to the right of the boxes for inputs that are not the one above.
const (
	nodeHeight, nodeGap = 24.0, 8.0
	nodeWidth           = 620.0
	wireGap             = 9.0
)

// drawGraph draws a network's units with their output, parameters and MACs. The
// tint of a box is its share of the MACs of the costliest.
func drawGraph(g *model.Graph) string {
	units := g.Units()
	index := map[*model.Unit]int{}
	var most int64 = 1
	for i, u := range units {
		index[u] = i
		most = max(most, u.Node.MACs())
	}
	wires, lanes := wiresOf(units, index)
	height := float64(len(units))*(nodeHeight+nodeGap) + 28
	width := nodeWidth + 20 + float64(lanes)*wireGap
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %g %g" style="max-width:%gpx" role="img" aria-label="the network's graph">`, width, height, width)
	fmt.Fprintf(&b, `<text class="tick" x="8" y="12">node</text><text class="tick end" x="%g" y="12">output</text><text class="tick end" x="%g" y="12">parameters</text><text class="tick end" x="%g" y="12">MACs</text>`, nodeWidth-190, nodeWidth-95, nodeWidth-8)
	for i, u := range units {
		y := 20 + float64(i)*(nodeHeight+nodeGap)
		macs := u.Node.MACs()
		fmt.Fprintf(&b, `<rect class="box" x="0" y="%g" width="%g" height="%g" rx="3"/>`, y, nodeWidth, nodeHeight)
		if macs > 0 {
			fmt.Fprintf(&b, `<rect class="macs" x="0" y="%g" width="%.1f" height="%g" rx="3"/>`, y, nodeWidth*float64(macs)/float64(most), nodeHeight)
		}
		parameters := len(u.Node.Weight) + len(u.Node.Bias)
		name := u.Node.Name + "  " + model.OpName(u.Node.Op)
		if u.Norm != nil {
			name += " + " + model.OpName(u.Norm.Op)
			parameters += len(u.Norm.Weight) + len(u.Norm.Bias)
		}
		if u.Act != nil {
			name += " + " + model.OpName(u.Act.Op)
		}
		s := u.Shape()
		fmt.Fprintf(&b, `<text class="node" x="8" y="%g">%s</text><text class="tick end" x="%g" y="%g">%d×%d×%d</text>`, y+16, html.EscapeString(name), nodeWidth-190, y+16, s.C, s.H, s.W)
		if parameters > 0 {
			fmt.Fprintf(&b, `<text class="tick end" x="%g" y="%g">%s</text>`, nodeWidth-95, y+16, plural.Thousands(parameters))
		}
		if macs > 0 {
			fmt.Fprintf(&b, `<text class="tick end" x="%g" y="%g">%s</text>`, nodeWidth-8, y+16, plural.Thousands(macs))
		}
	}
	for _, w := range wires {
		from, to := 20+float64(w.from)*(nodeHeight+nodeGap)+nodeHeight, 20+float64(w.to)*(nodeHeight+nodeGap)
		if w.lane < 0 {
			fmt.Fprintf(&b, `<path class="wire" d="M%g %gV%g"/>`, 40.0, from, to)
			continue
		}
		x := nodeWidth + 10 + float64(w.lane)*wireGap
		fmt.Fprintf(&b, `<path class="wire" d="M%g %gH%gV%gH%[1]g"/>`, nodeWidth, from-nodeHeight/2, x, to+nodeHeight/2)
	}
	b.WriteString("</svg>")
	return b.String()
}

// A wire leads from one unit to a later one, in a lane beside the boxes, or −1
// straight down.
type wire struct{ from, to, lane int }

// wiresOf gives every input of a unit a wire, and wires that run side by side
// lanes of their own.
func wiresOf(units []*model.Unit, index map[*model.Unit]int) (wires []wire, lanes int) {
	var ends []int // where the last wire of each lane ends
	for i := range units {
		// Wires in the order of where they begin, so that lanes are free again.
		for j := i + 1; j < len(units); j++ {
			for _, in := range units[j].Inputs {
				if index[in] != i {
					continue
				}
				w := wire{i, j, -1}
				if j != i+1 {
					w.lane = freeLane(ends, i)
					if w.lane == len(ends) {
						ends = append(ends, 0)
					}
					ends[w.lane] = j
				}
				wires = append(wires, w)
			}
		}
	}
	return wires, len(ends)
}

// freeLane returns the first lane that ends before a unit, or a new one.
func freeLane(ends []int, from int) int {
	for lane, end := range ends {
		if end <= from {
			return lane
		}
	}
	return len(ends)
}
