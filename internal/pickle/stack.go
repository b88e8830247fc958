package pickle

import (
	"errors"
	"fmt"
	"slices"
)

// A stack holds values and marks. Values below a mark cannot be reached until
// the mark is removed.
type stack struct{ values []any }

type mark struct{}

var errStack = errors.New("the stack holds fewer values than the opcode takes; the file is damaged")

// push, pushed and made put a value on the stack; the last two pass an error on.
func (s *stack) push(v any) { s.values = append(s.values, v) }

func (s *stack) pushed(v any, err error) error {
	if err == nil {
		s.push(v)
	}
	return err
}

func (s *stack) made(err error, value func() any) error {
	if err == nil {
		s.push(value())
	}
	return err
}

// popAny removes the topmost entry, also a mark; pop and top need a value.
func (s *stack) popAny() (any, error) {
	if len(s.values) == 0 {
		return nil, errStack
	}
	v := s.values[len(s.values)-1]
	s.values = s.values[:len(s.values)-1]
	return v, nil
}

func (s *stack) top() (any, error) {
	if len(s.values) == 0 || s.values[len(s.values)-1] == (mark{}) {
		return nil, errStack
	}
	return s.values[len(s.values)-1], nil
}

func (s *stack) pop() (any, error) {
	v, err := s.top()
	if err == nil {
		s.values = s.values[:len(s.values)-1]
	}
	return v, err
}

// popN removes the n topmost values, toMark those above the topmost mark and
// the mark; both return copies, the deepest first.
func (s *stack) popN(n int) ([]any, error) {
	if len(s.values) < n {
		return nil, errStack
	}
	items := slices.Clone(s.values[len(s.values)-n:])
	for _, v := range items {
		if _, ok := v.(mark); ok {
			return nil, errStack
		}
	}
	s.values = s.values[:len(s.values)-n]
	return items, nil
}

func (s *stack) toMark() ([]any, error) {
	for i := len(s.values) - 1; i >= 0; i-- {
		if _, ok := s.values[i].(mark); ok {
			items := slices.Clone(s.values[i+1:])
			s.values = s.values[:i]
			return items, nil
		}
	}
	return nil, errStack
}

// extend appends to the list or set on top of the stack, set adds key, value,
// key, value … to the dict there. Both take an Object as well.
func (s *stack) extend(items []any, err error) error {
	if err != nil {
		return err
	}
	top, err := s.top()
	if err != nil {
		return err
	}
	switch to := top.(type) {
	case *List:
		to.Items = append(to.Items, items...)
	case *Set:
		to.Items = append(to.Items, items...)
	case *Object:
		to.Items = append(to.Items, items...)
	default:
		return fmt.Errorf("values are appended to %s; the file is damaged", TypeName(top))
	}
	return nil
}

func (s *stack) set(items []any, err error) error {
	if err != nil {
		return err
	}
	top, err := s.top()
	if err != nil {
		return err
	}
	var pairs *[]Pair
	switch on := top.(type) {
	case *Dict:
		pairs = &on.Pairs
	case *Object:
		pairs = &on.Pairs
	}
	if pairs == nil || len(items)%2 != 0 {
		return fmt.Errorf("%d keys and values are set on %s; the file is damaged", len(items), TypeName(top))
	}
	for i := 0; i < len(items); i += 2 {
		*pairs = append(*pairs, Pair{items[i], items[i+1]})
	}
	return nil
}
