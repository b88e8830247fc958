package onnx

import (
	"fmt"
	"regexp"
	"strings"

	"espalier/model"
)

// layerName matches the name of a layer's weight as PyTorch has it.
var layerName = regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*)\.(?:weight|bias|running_mean|running_var)$`)

// layerOf returns the layer that a constant's name names, such as
// "layer1.0.conv1" for "layer1.0.conv1.weight", or "".
func layerOf(constant string) string {
	if m := layerName.FindStringSubmatch(constant); m != nil && len(m[1]) <= maxName {
		return m[1]
	}
	return ""
}

const maxName = 120

// A namer names the network's nodes after the file's: see name.
type namer struct {
	nodes  map[string]int  // the number of nodes directly in each scope
	scopes map[string]bool // scopes with others inside
	own    bool            // the file is this program's
}

func newNamer(nodes []*node, own bool) *namer {
	m := &namer{map[string]int{}, map[string]bool{}, own}
	for _, n := range nodes {
		scope, _ := splitName(n.name)
		m.nodes[scope]++
		for at := strings.LastIndexByte(scope, '/'); at > 0; at = strings.LastIndexByte(scope[:at], '/') {
			m.scopes[scope[:at]] = true
		}
	}
	return m
}

// splitName splits a node's name into its scope (the modules around it) and the
// rest: "/layer1/layer1.0/relu" and "Relu_1".
func splitName(name string) (scope, last string) {
	name = name[:min(len(name), 4*maxName)]
	at := strings.LastIndexByte(name, '/')
	return name[:max(at, 0)], name[at+1:]
}

// name turns a node's name into PyTorch's: "/layer1/layer1.0/conv1/Conv" into
// "layer1.0.conv1". The operator stays if the module holds more than this node:
// "layer1.0.relu_1".
func (m *namer) name(n *node) string {
	scope, last := splitName(n.name)
	if m.own && n.op == "Add" { // see floatGraph.operator
		last = strings.TrimSuffix(last, ".add")
	}
	var parts []string
	for _, part := range strings.Split(scope, "/") {
		part = strings.Join(strings.FieldsFunc(part, func(r rune) bool { return !plain(r) }), "_")
		if part == "" {
			continue
		}
		// PyTorch names the parts of a list with the list: layer1, layer1.0.
		if k := len(parts); k > 0 && strings.HasPrefix(part, parts[k-1]+".") {
			parts[k-1] = part
			continue
		}
		parts = append(parts, part)
	}
	leaf := scope != "" && m.nodes[scope] == 1 && !m.scopes[scope]
	last = strings.ToLower(clean(last))
	if last == "" {
		last = strings.ToLower(clean(n.op))
	}
	if k := len(parts); !leaf || k == 0 {
		// If a module is used more than once: relu, relu_1.
		if k > 0 && strings.HasPrefix(last, lastPart(strings.ToLower(parts[k-1]))) {
			parts[k-1] = parts[k-1][:len(parts[k-1])-len(lastPart(parts[k-1]))] + last
		} else {
			parts = append(parts, last)
		}
	}
	name := strings.Join(parts, ".")
	return name[:min(len(name), maxName)]
}

func lastPart(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }

// plain reports whether a character may be in names: letters, digits, dots,
// dashes and underscores.
func plain(r rune) bool {
	return r == '.' || r == '_' || r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
}

// clean replaces all characters that are not plain with underscores.
func clean(name string) string {
	return strings.Map(func(r rune) rune {
		if plain(r) {
			return r
		}
		return '_'
	}, name)
}

// settle makes names unique.
func (m *namer) settle(g *model.Graph) {
	taken := map[string]bool{}
	next := map[string]int{}
	for _, n := range g.Nodes {
		name := n.Name
		if name == "" {
			name = "node"
		}
		unique := name
		for k := max(next[name], 2); taken[unique]; k++ {
			unique = fmt.Sprintf("%s_%d", name, k)
			next[name] = k + 1
		}
		taken[unique] = true
		n.Name = unique
	}
}

// opName returns an operator's name, with its domain unless that is ONNX's own.
func opName(n *node) string {
	if n.domain == "" || n.domain == "ai.onnx" {
		return n.op
	}
	return n.domain + "::" + n.op
}

// nodeName returns a node's name, or its output's if it has none.
func nodeName(n *node) string {
	name := n.name
	if name == "" && len(n.outputs) > 0 {
		name = n.outputs[0]
	}
	return name[:min(len(name), maxName)]
}

// printable reports whether a name is short and of plain characters and spaces.
func printable(name string) bool {
	return len(name) <= maxName && !strings.ContainsFunc(name, func(r rune) bool { return r != ' ' && !plain(r) })
}
