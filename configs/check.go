package configs

import (
	"cmp"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// A checker compares a document with the Experiment type before it is decoded,
// because the decoder lets some mistakes pass (1.5 for an integer, a key
// without value) and describes others by Go types.
type checker struct {
	origin string
	places map[string]string // where each key of the document stands
}

func (c *checker) experiment(body ast.Node) error {
	return c.check(body, reflect.TypeFor[Experiment](), "")
}

// check walks a node and the type that it will be decoded to. Key is the path
// of the node, as prune.targets[1].
func (c *checker) check(n ast.Node, t reflect.Type, key string) error {
	c.places[key] = place(c.origin, start(n))
	if _, list := n.(*ast.SequenceNode); (t == reflect.TypeFor[Epochs]() || t == reflect.TypeFor[Size]()) && !list {
		t = t.Elem()
	}
	if text := strings.TrimLeft(n.GetToken().Value, "+-"); t.Kind() != reflect.String && n.Type() == ast.IntegerType && len(text) > 1 && strings.Trim(text, "0123456789_") == "" && text[0] == '0' {
		// Octal to YAML 1.1, ten to YAML 1.2.
		decimal := cmp.Or(strings.TrimLeft(text, "0_"), "0")
		return fmt.Errorf("%s: %s is %q: write %s, or 0o%[4]s for octal", place(c.origin, start(n)), key, n.GetToken().Value, decimal)
	}
	switch t.Kind() {
	case reflect.Pointer:
		return c.check(n, t.Elem(), key)
	case reflect.Struct:
		return c.mapping(n, t, key)
	case reflect.Slice:
		list, ok := n.(*ast.SequenceNode)
		if !ok {
			return c.wrong(n, key, "a list, as [a, b]")
		}
		for i, v := range list.Values {
			if err := c.check(v, t.Elem(), fmt.Sprintf("%s[%d]", key, i)); err != nil {
				return err
			}
		}
		return nil
	case reflect.String:
		switch n := n.(type) {
		case *ast.StringNode, *ast.LiteralNode, *ast.BoolNode:
			return nil
		case *ast.IntegerNode, *ast.FloatNode:
			// Decoding a number as text would lose its spelling: 010 would become
			// 8.
			if text := n.GetToken().Value; fmt.Sprint(n.(ast.ScalarNode).GetValue()) != text {
				return fmt.Errorf("%s: %s is %q, which YAML reads as a number: put it in quotes", place(c.origin, start(n)), key, text)
			}
			return nil
		}
		return c.wrong(n, key, "text")
	case reflect.Bool:
		if _, ok := n.(*ast.BoolNode); !ok {
			return c.wrong(n, key, "true or false")
		}
		return nil
	case reflect.Float64:
		if _, ok := number(n); !ok {
			return c.wrong(n, key, "a number")
		}
		return nil
	case reflect.Int, reflect.Uint64:
		v, ok := number(n)
		switch {
		case !ok || v != math.Trunc(v):
			return c.wrong(n, key, "a whole number")
		case v < 0 && t.Kind() == reflect.Uint64:
			return c.wrong(n, key, "a whole number from 0")
		case math.Abs(v) >= 1<<63:
			return c.wrong(n, key, "a smaller whole number")
		}
		return nil
	}
	panic("configs: no check for " + t.String())
}

// number returns the value of a finite number. YAML's 5e-4, without a point,
// is text to the parser and a number to the decoder.
func number(n ast.Node) (float64, bool) {
	switch n := n.(type) {
	case *ast.IntegerNode:
		switch v := n.Value.(type) {
		case int64:
			return float64(v), true
		case uint64:
			return float64(v), true
		}
	case *ast.FloatNode:
		return n.Value, true
	case *ast.StringNode:
		if n.Token.Type != token.StringType || strings.TrimLeft(n.Value, "+-.0123456789eE") != "" {
			return 0, false
		}
		v, err := strconv.ParseFloat(n.Value, 64)
		return v, err == nil
	}
	return 0, false
}

// mapping checks a node against a struct's fields.
func (c *checker) mapping(n ast.Node, t reflect.Type, key string) error {
	var entries []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.MappingNode:
		entries = n.Values
	case *ast.MappingValueNode:
		entries = []*ast.MappingValueNode{n}
	default:
		return c.wrong(n, key, "keys and values")
	}
	fields := make(map[string]reflect.Type)
	var names []string
	for field := range t.Fields() {
		if name, _, _ := strings.Cut(field.Tag.Get("yaml"), ","); name != "-" {
			fields[name] = field.Type
			names = append(names, name)
		}
	}
	for _, entry := range entries {
		name := entry.Key.GetToken().Value
		child := strings.TrimPrefix(key+"."+name, ".")
		field, known := fields[name]
		if !known {
			return fmt.Errorf("%s: unknown key %q%s; known here: %s",
				place(c.origin, entry.Key.GetToken()), child, suggestion(name, names), strings.Join(names, ", "))
		}
		if _, null := entry.Value.(*ast.NullNode); null {
			return fmt.Errorf("%s: %s has no value: give one or leave the key out", place(c.origin, entry.Key.GetToken()), child)
		}
		if err := c.check(entry.Value, field, child); err != nil {
			return err
		}
	}
	return nil
}

// wrong returns the error for a node of the wrong kind.
func (c *checker) wrong(n ast.Node, key, want string) error {
	have := ""
	switch n := n.(type) {
	case *ast.NullNode:
		have = "is null"
	case *ast.MappingNode, *ast.MappingValueNode:
		have = "is a group of keys"
	case *ast.SequenceNode:
		have = "is a list"
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MergeKeyNode:
		have = "uses an anchor, an alias or a tag, which experiments do not have"
	default:
		have = fmt.Sprintf("is %q", n.GetToken().Value)
	}
	if key == "" {
		key = "the document"
	}
	return fmt.Errorf("%s: %s %s: want %s", place(c.origin, start(n)), key, have, want)
}

// start returns the first token of a node. The parser's own choice for a group
// is its first colon.
func start(n ast.Node) *token.Token {
	switch n := n.(type) {
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return n.Values[0].Key.GetToken()
		}
	case *ast.MappingValueNode:
		return n.Key.GetToken()
	}
	return n.GetToken()
}

// place returns where a token is, such as "my.yaml:3:5". For an override it is
// the override itself.
func place(origin string, t *token.Token) string {
	if strings.HasPrefix(origin, "--set ") || t == nil || t.Position == nil {
		return origin
	}
	return fmt.Sprintf("%s:%d:%d", origin, t.Position.Line, t.Position.Column)
}

// placeOf returns "place: " for a key, or for the nearest group around it that
// was in a document; "" for a default.
func placeOf(key string, places map[string]string) string {
	for key != "" {
		if p, ok := places[key]; ok {
			return p + ": "
		}
		key = key[:max(strings.LastIndexAny(key, ".["), 0)]
	}
	return ""
}

// suggestion returns the known key that is nearest to a mistyped one.
func suggestion(name string, known []string) string {
	best, distance := "", 3
	for _, k := range known {
		if d := editDistance(name, k); d < distance {
			best, distance = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", best)
}

// editDistance counts the insertions, deletions and substitutions between two
// words (Levenshtein).
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j]+1, row[j+1]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
