package configs

import (
	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

// Epochs is one number for all rounds or one number for each round. In YAML it
// is a number or a list.
type Epochs []float64

// Round returns the epochs of a round, counted from 1.
func (e Epochs) Round(round int) float64 {
	if len(e) == 1 {
		return e[0]
	}
	return e[round-1]
}

// UnmarshalYAML reads a number or a list of numbers.
func (e *Epochs) UnmarshalYAML(node ast.Node) error {
	if _, list := node.(*ast.SequenceNode); list {
		var all []float64
		if err := yaml.NodeToValue(node, &all); err != nil {
			return err
		}
		*e = all
		return nil
	}
	var one float64
	if err := yaml.NodeToValue(node, &one); err != nil {
		return err
	}
	*e = Epochs{one}
	return nil
}

// MarshalYAML writes what UnmarshalYAML reads.
func (e Epochs) MarshalYAML() (any, error) {
	if len(e) == 1 {
		return e[0], nil
	}
	return []float64(e), nil
}
