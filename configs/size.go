package configs

import (
	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

// Size is a height and a width in pixels, or one number for both. In YAML it is a
// number or a list.
type Size []int

// Pixels returns height and width, 0 where none is given.
func (s Size) Pixels() (height, width int) {
	if len(s) == 0 {
		return 0, 0
	}
	return s[0], s[len(s)-1]
}

// UnmarshalYAML reads a number or a list of numbers.
func (s *Size) UnmarshalYAML(node ast.Node) error {
	if _, list := node.(*ast.SequenceNode); list {
		var all []int
		if err := yaml.NodeToValue(node, &all); err != nil {
			return err
		}
		*s = all
		return nil
	}
	var one int
	if err := yaml.NodeToValue(node, &one); err != nil {
		return err
	}
	*s = Size{one}
	return nil
}

// MarshalYAML writes what UnmarshalYAML reads.
func (s Size) MarshalYAML() (any, error) {
	if len(s) == 1 {
		return s[0], nil
	}
	return []int(s), nil
}
