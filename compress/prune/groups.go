package prune

import (
	"fmt"
	"slices"
	"strings"

	"espalier/model"
)

// Channels are a network's channels in groups. A channel of a group can only be
// removed from all tensors of the group at once, because some operator needs it
// on all sides. This is the idea of DepGraph (Fang et al. 2023, arXiv
// 2301.12900), applied channel by channel rather than layer by layer, so that
// concatenations and padding shortcuts need no special case.
//
// The input's channels and the classes are in no group: they cannot be removed.
type Channels struct {
	Graph  *model.Graph
	Groups []*Group // in the order in which their first channels are computed

	places map[*model.Node][]place // of each channel of a node's output
	spans  map[*model.Node][]span  // of a node's output, by group
}

// A Group is a set of channels that are removed in the same way, each from all
// members.
type Group struct {
	Name    string   // of the first layer that computes the channels, or of the first node
	Size    int      // channels
	Members []Member // the tensors that hold them, in the graph's order
	Ties    []Tie    // why they belong together, in the graph's order
}

// A Member is one side of a node's tensors. Index lists the places of each
// channel of the group on that side: one, or several if Flatten or a grouped
// convolution makes several values of one channel.
type Member struct {
	Node  *model.Node
	Side  Side
	Index [][]int // [Size][times]
}

// A Side is a dimension of a layer's weight: its outputs or its inputs. Batch
// norm and depthwise convolutions only have the first.
type Side string

const (
	Out Side = "out"
	In  Side = "in"
)

// A Tie is a node that makes channels belong together.
type Tie struct {
	Node string
	Why  string // in words, as "adds layer1.0.bn2 and relu"
}

// A place is a channel of a group; group −1 means none.
type place struct{ group, channel int }

// A span says how many times a node has each channel of a group.
type span struct{ group, times int }

// GroupChannels finds the groups of a valid network.
func GroupChannels(g *model.Graph) *Channels {
	u := newUnion(g)
	for _, n := range g.Nodes {
		u.tie(n)
	}
	c := &Channels{Graph: g, places: map[*model.Node][]place{}, spans: map[*model.Node][]span{}}
	fixed := map[int]bool{} // sets that hold a channel of the input or the output
	for _, n := range []*model.Node{g.Input(), g.Output()} {
		for ch := range n.Shape.C {
			fixed[u.find(n, ch)] = true
		}
	}
	// Sets that have channels in the same nodes, and equally many in each, form one
	// group.
	where := map[int]*strings.Builder{}
	for i, n := range g.Nodes {
		times, order := map[int]int{}, []int(nil)
		for ch := range n.Shape.C {
			set := u.find(n, ch)
			if times[set]++; times[set] == 1 {
				order = append(order, set)
			}
		}
		for _, set := range order {
			if where[set] == nil {
				where[set] = &strings.Builder{}
			}
			fmt.Fprintf(where[set], "%d×%d ", i, times[set])
		}
	}
	groupOf := map[string]int{}
	placeOf := map[int]place{}
	for _, n := range g.Nodes {
		places := make([]place, n.Shape.C)
		for ch := range places {
			set := u.find(n, ch)
			if _, ok := placeOf[set]; !ok {
				placeOf[set] = place{group: -1}
				if !fixed[set] {
					placeOf[set] = c.next(groupOf, where[set].String(), n)
				}
			}
			places[ch] = placeOf[set]
		}
		c.places[n] = places
	}
	c.describe()
	return c
}

// next returns the place of another channel of the group that key names. If the
// group is new, n is the first node with that channel.
func (c *Channels) next(groupOf map[string]int, key string, n *model.Node) place {
	i, ok := groupOf[key]
	if !ok {
		i = len(c.Groups)
		groupOf[key] = i
		c.Groups = append(c.Groups, &Group{Name: n.Name})
	}
	c.Groups[i].Size++
	return place{i, c.Groups[i].Size - 1}
}

// describe lists the groups' members and ties, and names them.
func (c *Channels) describe() {
	named := make([]bool, len(c.Groups))
	for _, n := range c.Graph.Nodes {
		for group, index := range c.indices(n) {
			c.spans[n] = append(c.spans[n], span{group, len(index[0])})
			if n.WeightShape() != nil {
				c.Groups[group].Members = append(c.Groups[group].Members, Member{n, Out, index})
			}
			if n.IsLayer() && !named[group] {
				c.Groups[group].Name, named[group] = n.Name, true
			}
			if why := tieOf(n); why != "" {
				c.Groups[group].Ties = append(c.Groups[group].Ties, Tie{n.Name, why})
			}
		}
		if !n.IsLayer() || depthwise(n) {
			continue
		}
		for group, index := range c.indices(n.Inputs[0]) {
			c.Groups[group].Members = append(c.Groups[group].Members, Member{n, In, index})
		}
	}
}

// indices returns, for each group with channels in n's output, where they are.
func (c *Channels) indices(n *model.Node) map[int][][]int {
	all := map[int][][]int{}
	for ch, p := range c.places[n] {
		if p.group < 0 {
			continue
		}
		if all[p.group] == nil {
			all[p.group] = make([][]int, c.Groups[p.group].Size)
		}
		all[p.group][p.channel] = append(all[p.group][p.channel], ch)
	}
	return all
}

// depthwise reports whether each output channel of a convolution reads only one
// input channel, so that the two are tied.
func depthwise(n *model.Node) bool {
	op, ok := n.Op.(model.Conv)
	return ok && op.Groups > 1 && op.Groups == n.In()
}

// tieOf returns why a node ties channels together, or "".
func tieOf(n *model.Node) string {
	var from []string
	for _, in := range n.Inputs {
		from = append(from, in.Name)
	}
	switch op := n.Op.(type) {
	case model.Add:
		return "adds " + words(from)
	case model.Mul:
		return "multiplies " + words(from)
	case model.Concat:
		return "joins " + words(from)
	case model.PadShortcut:
		return fmt.Sprintf("puts %s of zeros around %s", channels(op.Before+op.After), from[0])
	case model.Flatten:
		if pixels := n.Inputs[0].Shape.H * n.Inputs[0].Shape.W; pixels > 1 {
			return fmt.Sprintf("makes %d values of each channel of %s", pixels, from[0])
		}
	case model.Conv:
		if depthwise(n) {
			return "computes each channel from one of " + from[0]
		}
		if op.Groups > 1 {
			return fmt.Sprintf("has %d groups, which stay equally wide", op.Groups)
		}
	}
	return ""
}

func channels(n int) string {
	if n == 1 {
		return "1 channel"
	}
	return fmt.Sprintf("%d channels", n)
}

// words joins names: "a, b and c".
func words(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

// Layers returns the names of the layers that compute the group's channels.
func (g *Group) Layers() []string {
	var names []string
	for _, m := range g.Members {
		if m.Side == Out && m.Node.IsLayer() {
			names = append(names, m.Node.Name)
		}
	}
	return names
}

// A union holds sets of channels of all nodes' outputs that must be removed
// together: a forest in which every channel points towards the first of its set.
type union struct {
	first  map[*model.Node]int // of a node's channels
	parent []int
}

func newUnion(g *model.Graph) *union {
	u := &union{first: map[*model.Node]int{}}
	for _, n := range g.Nodes {
		u.first[n] = len(u.parent)
		for range n.Shape.C {
			u.parent = append(u.parent, len(u.parent))
		}
	}
	return u
}

// find returns the set of a node's channel.
func (u *union) find(n *model.Node, channel int) int {
	i := u.first[n] + channel
	for u.parent[i] != i {
		u.parent[i] = u.parent[u.parent[i]]
		i = u.parent[i]
	}
	return i
}

func (u *union) join(n *model.Node, channel int, m *model.Node, other int) {
	a, b := u.find(n, channel), u.find(m, other)
	u.parent[max(a, b)] = min(a, b)
}

// tie joins the channels that a node's operator ties.
func (u *union) tie(n *model.Node) {
	switch op := n.Op.(type) {
	case model.Input, model.Linear:
	case model.Conv:
		if depthwise(n) {
			for ch := range n.Out() {
				u.join(n, ch, n.Inputs[0], ch/(op.Out/op.Groups))
			}
			return
		}
		// The operator's groups stay equally wide: the i-th channels of all of them
		// go together.
		for _, x := range []*model.Node{n, n.Inputs[0]} {
			for ch := range x.Shape.C {
				u.join(x, ch, x, ch%(x.Shape.C/op.Groups))
			}
		}
	case model.Concat:
		at := 0
		for _, in := range n.Inputs {
			for ch := range in.Shape.C {
				u.join(n, at+ch, in, ch)
			}
			at += in.Shape.C
		}
	case model.Flatten:
		for i := range n.Shape.C {
			u.join(n, i, n.Inputs[0], i/(n.Shape.C/n.Inputs[0].Shape.C))
		}
	case model.PadShortcut:
		for ch := range n.In() {
			u.join(n, op.Before+ch, n.Inputs[0], ch)
		}
	default: // channel by channel
		for _, in := range n.Inputs {
			for ch := range n.Shape.C {
				u.join(n, ch, in, ch)
			}
		}
	}
}

// Group returns the group of that name, or nil.
func (c *Channels) Group(name string) *Group {
	if i := slices.IndexFunc(c.Groups, func(g *Group) bool { return g.Name == name }); i >= 0 {
		return c.Groups[i]
	}
	return nil
}
