package weights

import (
	"fmt"
	"slices"
	"strings"
)

// A state is a list of named tensors that may be those of a network.
type state struct {
	path    string // where it lies in the file, as "checkpoint.model"; empty at the top
	place   *spot  // for the metadata around it
	entries []entry
}

// An entry is a named tensor whose elements have not been read yet.
type entry struct {
	name  string
	dtype DType // empty if the tensor cannot be read
	shape []int
	value any
}

// choose returns the state that key names or, without a key, the only one that
// holds weights. A network wins over its averaged copy (an exponential moving
// average). Notes say what was skipped.
func choose(all []state, key string) (chosen state, notes []string, err error) {
	var found []state
	for _, s := range withWeights(all) {
		found = append(found, networks(s)...)
	}
	if key != "" {
		for _, s := range append(found, all...) {
			if s.path == key {
				return s, nil, nil
			}
		}
		return chosen, nil, fmt.Errorf("there is no network under %q; the file holds: %s", key, paths(found))
	}
	var own, averaged []state
	for _, s := range found {
		if isAverage(s.path) {
			averaged = append(averaged, s)
		} else {
			own = append(own, s)
		}
	}
	if len(own) == 0 {
		own, averaged = averaged, nil
	}
	if len(own) > 1 {
		return chosen, nil, fmt.Errorf("the file holds %d networks: %s; choose one with --key, as --key %s", len(found), paths(found), shown(own[0].path))
	}
	if len(averaged) > 0 {
		notes = append(notes, fmt.Sprintf("the file also holds an averaged copy (EMA) under %s; read it with --key %s", paths(averaged), averaged[0].path))
	}
	if own[0].path != "" {
		notes = append(notes, fmt.Sprintf("the weights lie under %s", own[0].path))
	}
	return own[0], notes, nil
}

// withWeights returns the states that hold a matrix or a kernel called weight,
// or all states if none does. This leaves out random states, for example, which
// are tensors as well.
func withWeights(all []state) []state {
	var some []state
	for _, s := range all {
		if slices.ContainsFunc(s.entries, func(e entry) bool {
			return strings.Contains(e.name, "weight") && (e.dtype == "" || e.dtype.Float() && len(e.shape) >= 2)
		}) && !slices.ContainsFunc(strings.Split(s.path, "."), func(part string) bool { return part == "mask" || part == "masks" }) {
			some = append(some, s)
		}
	}
	if len(some) == 0 {
		return all
	}
	return some
}

// networks splits a state that holds several networks, such as "student." and
// "teacher.". It narrows a state that holds a network beside other tensors, such
// as "model." and "criterion.". A network has convolutions and a matrix.
func networks(s state) []state {
	weights := slices.DeleteFunc(slices.Clone(s.entries), func(e entry) bool {
		return isCounter(lastPart(e.name), e.shape, e.dtype)
	})
	prefix := sharedPrefix(names(weights))
	groups := map[string][]entry{}
	var order []string
	for _, e := range weights {
		rest := strings.TrimPrefix(e.name, prefix)
		first, inner, ok := strings.Cut(rest, ".")
		if !ok {
			first, inner = "", rest
		}
		if _, known := groups[first]; !known {
			order = append(order, first)
		}
		e.name = inner
		groups[first] = append(groups[first], e)
	}
	var all []state
	for _, first := range order {
		kernel, matrix := false, false
		for _, e := range groups[first] {
			kernel = kernel || len(e.shape) == 4
			matrix = matrix || len(e.shape) == 2
		}
		own := first == "mask" || first == "velocity"
		switch {
		case kernel && matrix && first != "" && !own:
			all = append(all, state{path: join(s.path, prefix+first), place: s.place, entries: groups[first]})
		case (kernel || matrix) && !own:
			return []state{s} // a part of one network
		}
	}
	if len(all) == 0 || len(order) == 1 {
		return []state{s}
	}
	return all
}

// isAverage reports whether a state's path says that it is an average over training
// steps.
func isAverage(path string) bool {
	parts := strings.FieldsFunc(strings.ToLower(path), func(r rune) bool { return r == '.' || r == '_' || r == '-' })
	return slices.ContainsFunc(parts, func(part string) bool {
		switch part {
		case "ema", "swa", "averaged", "average", "avg", "shadow":
			return true
		}
		return strings.HasPrefix(part, "ema") || strings.HasSuffix(part, "ema")
	})
}

func names(entries []entry) []string {
	all := make([]string, len(entries))
	for i, e := range entries {
		all[i] = e.name
	}
	return all
}

// paths lists the paths of at most eight states.
func paths(states []state) string {
	var all []string
	for _, s := range states[:min(len(states), 8)] {
		all = append(all, shown(s.path))
	}
	if more := len(states) - len(all); more > 0 {
		all = append(all, fmt.Sprintf("%d more", more))
	}
	return strings.Join(all, ", ")
}

func shown(path string) string {
	if path == "" {
		return "the top of the file"
	}
	return path
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
