package pickle

import "math/big"

// What a pickle's values become. Booleans, int64, float64, string and []byte
// stand for themselves, *big.Int for integers that need more than eight bytes.
// Lists and dicts may contain themselves.
type (
	None  struct{}
	Tuple []any
	List  struct{ Items []any }
	Dict  struct{ Pairs []Pair } // in the order of insertion; a key may come again
	Pair  struct{ Key, Value any }
	Set   struct{ Items []any } // a frozenset too
)

// An Object is inert: it holds what the file says about an object that a World
// does not make itself.
type Object struct {
	Class any    // the class or function that was called
	Args  Tuple  // its arguments
	State any    // its attributes, or nil
	Items []any  // of a kind of list
	Pairs []Pair // of a kind of dict
}

// Get returns the last value that was set under a string, which Python 2 may
// have written as bytes.
func (d *Dict) Get(key string) (value any, ok bool) {
	for _, p := range d.Pairs {
		if text, isText := Text(p.Key); isText && text == key {
			value, ok = p.Value, true
		}
	}
	return value, ok
}

// Text returns a string of either kind as a string.
func Text(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case []byte:
		return string(v), true
	}
	return "", false
}

// TypeName returns Python's name for a value's type, for messages. Values
// themselves are not shown: they may be long or contain themselves. A World's
// own types implement fmt.Stringer.
func TypeName(v any) string {
	switch v := v.(type) {
	case None:
		return "None"
	case bool:
		return "a bool"
	case int64, *big.Int:
		return "an int"
	case float64:
		return "a float"
	case string:
		return "a str"
	case []byte:
		return "bytes"
	case Tuple:
		return "a tuple"
	case *List:
		return "a list"
	case *Dict:
		return "a dict"
	case *Set:
		return "a set"
	case *Object:
		return "an object of class " + className(v.Class)
	case interface{ String() string }:
		return v.String()
	}
	return "a value"
}

// className names the class of an object. Classes are values of a World's own.
func className(class any) string {
	if named, ok := class.(interface{ String() string }); ok {
		return named.String()
	}
	return "unknown"
}
