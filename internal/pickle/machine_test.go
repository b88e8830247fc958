package pickle

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/big"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// world knows one function, which returns its arguments as a list, and takes
// any persistent id for what it stands for.
type world struct{ built []any }

type function struct{}

func (w *world) Global(module, name string) (any, error) {
	switch {
	case module == "m" && name == "f":
		return function{}, nil
	case module == "m" && name == "o":
		return "o", nil
	}
	return nil, fmt.Errorf("%s.%s is unknown", module, name)
}

func (w *world) Call(f any, args Tuple) (any, error) {
	if f == "o" {
		return &Object{Class: f}, nil
	}
	if f != (function{}) {
		return nil, fmt.Errorf("%s is called", TypeName(f))
	}
	return &List{args}, nil
}

func (w *world) Build(object, attributes any) error {
	if _, ok := object.(*List); !ok {
		return fmt.Errorf("attributes for %s", TypeName(object))
	}
	w.built = append(w.built, attributes)
	return nil
}

func (w *world) Persistent(id any) (any, error) { return Tuple{"stands for", id}, nil }

// TestRun lists every opcode; the pickles are Python's own where it writes them.
func TestRun(t *testing.T) {
	huge, _ := new(big.Int).SetString("1180591620717411303424", 10) // 2⁷⁰
	for _, c := range []struct {
		name, pickle string
		want         any
	}{
		{"None", "N", None{}},
		{"booleans", "\x88\x89\x86", Tuple{true, false}},
		{"integers", "(J\xfe\xff\xff\xffK\xffM\xff\xfft", Tuple{int64(-2), int64(255), int64(65535)}},
		{"long", "\x8a\x02\x00\x80", int64(-32768)},
		{"huge", "\x8b\x09\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x40", huge},
		{"float", "G\x3f\xf8\x00\x00\x00\x00\x00\x00", 1.5},
		{"strings", "(X\x02\x00\x00\x00\xc3\xa9\x8c\x01x\x8d\x01\x00\x00\x00\x00\x00\x00\x00yt", Tuple{"é", "x", "y"}},
		{"bytes", "(T\x01\x00\x00\x00\xffU\x01aB\x01\x00\x00\x00bC\x01c\x8e\x01\x00\x00\x00\x00\x00\x00\x00dt",
			Tuple{[]byte{255}, []byte("a"), []byte("b"), []byte("c"), []byte("d")}},
		{"tuples", "()K\x01\x85K\x01K\x02\x86K\x01K\x02K\x03\x87t", Tuple{Tuple{}, Tuple{int64(1)}, Tuple{int64(1), int64(2)}, Tuple{int64(1), int64(2), int64(3)}}},
		{"lists", "](K\x01K\x02eK\x03a", &List{[]any{int64(1), int64(2), int64(3)}}},
		{"list from a mark", "(K\x01l", &List{[]any{int64(1)}}},
		{"dicts", "}K\x01K\x02s(K\x03K\x04u", &Dict{[]Pair{{int64(1), int64(2)}, {int64(3), int64(4)}}}},
		{"dict from a mark", "(K\x01K\x02d", &Dict{[]Pair{{int64(1), int64(2)}}}},
		{"pop and duplicate", "K\x01K\x020(K\x0312\x86", Tuple{int64(1), int64(1)}},
		{"memo", "K\x07q\x000K\x08r\x01\x00\x00\x000K\x09\x940h\x00j\x01\x00\x00\x00h\x02\x87", Tuple{int64(7), int64(8), int64(9)}},
		{"frame", "\x95\x02\x00\x00\x00\x00\x00\x00\x00K\x01", int64(1)},
		{"call", "cm\nf\nK\x01\x85R", &List{[]any{int64(1)}}},
		{"call by names on the stack", "\x8c\x01mU\x01f\x93)R", &List{[]any{}}},
		{"attributes", "cm\nf\n)R}b", &List{[]any{}}},
		{"persistent id", "K\x05Q", Tuple{"stands for", int64(5)}},
		{"sets", "(\x8f(K\x01K\x02\x90(K\x03\x91t", Tuple{&Set{[]any{int64(1), int64(2)}}, &Set{[]any{int64(3)}}}},
		{"bytearray", "\x96\x02\x00\x00\x00\x00\x00\x00\x00ab", []byte("ab")},
		{"new object", "cm\nf\nK\x01\x85\x81", &List{[]any{int64(1)}}},
		{"new object with names", "cm\nf\nK\x01\x85}\x92", &List{[]any{int64(1)}}},
		{"instance", "(K\x01im\nf\n", &List{[]any{int64(1)}}},
		{"object", "(cm\nf\nK\x01o", &List{[]any{int64(1)}}},
		{"a list of another class", "cm\no\n)R(K\x01eK\x02a", &Object{Class: "o", Items: []any{int64(1), int64(2)}}},
		{"a dict of another class", "cm\no\n)R(K\x01K\x02uK\x03K\x04s", &Object{Class: "o", Pairs: []Pair{{int64(1), int64(2)}, {int64(3), int64(4)}}}},
		// Protocol 0.
		{"text: integers", "(I-5\nI00\nI01\nL12L\nL1180591620717411303424L\nt", Tuple{int64(-5), false, true, int64(12), huge}},
		{"text: floats", "(F1.5\nFinf\nF-1e-7\nt", Tuple{1.5, math.Inf(1), -1e-7}},
		{"text: strings", "(S'a\\n\\'\\x00\\\\'\nS\"b\"\nVx\\u20ac\\U0001f600\xe9\\n\nt", Tuple{[]byte("a\n'\x00\\"), []byte("b"), "x€😀é\\n"}},
		{"text: memo", "(I7\np0\n0g0\nt", Tuple{int64(7)}},
		{"text: persistent id", "Pabc\n", Tuple{"stands for", "abc"}},
	} {
		for _, proto := range []string{"", "\x80\x02", "\x80\x05"} {
			in := proto + c.pickle + ".rest"
			got, length, err := Run([]byte(in), &world{})
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
				continue
			}
			same := cmp.Comparer(func(a, b *big.Int) bool { return a.Cmp(b) == 0 })
			if d := cmp.Diff(c.want, got, same, cmpopts.EquateEmpty()); d != "" || length != len(in)-len("rest") {
				t.Errorf("%s: length %d, %s", c.name, length, d)
			}
		}
	}
}

func TestRunRefuses(t *testing.T) {
	for _, c := range []struct{ name, pickle, want string }{
		{"nothing", "", "truncated"},
		{"no stop", "K\x01", "truncated"},
		{"stop alone", ".", "stack"},
		{"text without end", "Vabc", "without an end"},
		{"number without end", "I" + strings.Repeat("1", 1000) + "\n", "without an end"},
		{"no number", "Ix\n", "not a number"},
		{"no float", "Fx\n", "not a number"},
		{"no quotes", "Sx\n", "quoted"},
		{"half an escape", "S'\\x1'\n", "quoted"},
		{"half a character", "V\\u12\n", "within a character"},
		{"no character", "V\\U7fffffff\n", "an invalid character"},
		{"memo without number", "gx\n", "no number"},
		{"object of nothing", "(o", "stack"},
		{"buffer outside", "\x97.", "opcode 0x97 is unsupported"},
		{"extension", "\x82\x01.", "opcode 0x82 is unsupported"},
		{"protocol 6", "\x80\x06N.", "protocol 6 is unsupported"},
		{"unknown opcode", "N\x97.", "offset 1: opcode 0x97 is unsupported"},
		{"unknown name", "cos\nsystem\n.", "os.system is unknown"},
		{"unknown name on the stack", "\x8c\x02os\x8c\x06system\x93.", "os.system is unknown"},
		{"name of numbers", "K\x01K\x02\x93.", "named by an int and an int"},
		{"endless name", "c" + strings.Repeat("x", 300) + "\nf\n.", "without an end"},
		{"call of a number", "K\x01)R.", "an int is called"},
		{"arguments that are none", "cm\nf\nNR.", "called with None"},
		{"attributes of a number", "K\x01Nb.", "attributes for an int"},
		{"below a mark", "K\x01(0\x850.", "stack"},
		{"tuple below a mark", "K\x01(\x85.", "stack"},
		{"value below a mark", "K\x01(Q.", "stack"},
		{"no mark", "K\x01t.", "stack"},
		{"items for a number", "K\x01K\x01a.", "appended to an int"},
		{"entries for a list", "]K\x01K\x02s.", "set on a list"},
		{"odd entries", "}(K\x01u.", "1 keys and values"},
		{"empty memo", "h\x07.", "memo 7"},
		{"memo of nothing", "q\x00.", "stack"},
		{"string beyond the end", "X\xff\xff\xff\x7f", "at most"},
		{"bytes beyond the end", "\x8e\xff\xff\xff\xff\xff\xff\xff\x7f", "truncated"},
		{"bytes without number", "\x8e\xff\xff\xff\xff\xff\xff\xff\xff", "at most"},
		{"long of two gigabytes", "\x8b\x00\x00\x00\x80", "at most 255"},
		{"broken string", "X\x01\x00\x00\x00\xff.", "UTF-8"},
		{"many steps", strings.Repeat("]0", maxSteps/2+1), "opcodes"},
	} {
		_, _, err := Run([]byte(c.pickle), &world{})
		var where *Error
		if !errors.As(err, &where) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want an *Error that says %q", c.name, err, c.want)
		}
		if strings.Contains(c.want, "unsupported") != errors.Is(err, ErrUnsupported) {
			t.Errorf("%s: error %v and ErrUnsupported do not agree", c.name, err)
		}
	}
}

func TestLong(t *testing.T) {
	for _, c := range []struct {
		bytes []byte
		want  int64
	}{
		{nil, 0}, {[]byte{1}, 1}, {[]byte{0xff}, -1}, {[]byte{0xff, 0}, 255}, {[]byte{0, 0x80}, -32768},
		{[]byte{0, 0, 0, 0, 0, 0, 0, 0x80}, math.MinInt64},
	} {
		if got := long(c.bytes); got != any(c.want) {
			t.Errorf("long(%v) = %v, want %d", c.bytes, got, c.want)
		}
	}
}

func TestGet(t *testing.T) {
	d := &Dict{[]Pair{{"a", 1}, {[]byte("b"), 2}, {int64(3), 3}, {"a", 4}}}
	for key, want := range map[string]any{"a": 4, "b": 2, "c": nil} {
		if got, ok := d.Get(key); got != want || ok != (want != nil) {
			t.Errorf("%s: %v, %v", key, got, ok)
		}
	}
}

// TestMemory repeats what costs most memory for its length.
func TestMemory(t *testing.T) {
	const n = 1 << 18
	for _, c := range []struct {
		name, start, repeat, end string
		steps                    int // of repeat
	}{
		{"dicts", "", "}", ".", 1},
		{"lists of one", "", "]Na", ".", 3},
		{"dicts of one", "", "}NNs", ".", 4},
		{"tuples", "", "N\x85", ".", 2},
		{"tuples in tuples", "N", "\x85", ".", 1},
		{"a deep list", "]q\x00", "](h\x00e", ".", 4},
		{"one long list", "](", "N", "e.", 1},
		{"one long dict", "}(", "NN", "u.", 2},
		{"memo", "N", "\x94", ".", 1},
		{"marks", "", "(", "N.", 1},
		{"floats", "", "G12345678", ".", 1},
		{"huge integers", "", "\x8a\xff" + strings.Repeat("7", 255), ".", 1},
		{"strings", "", "\x8c\xff" + strings.Repeat("7", 255), ".", 1},
		{"names", "", "cm\nf\n", ".", 1},
		{"sets", "", "\x8f", ".", 1},
		{"objects", "cm\no\n", "cm\no\n)R", ".", 3},
		{"short text", "", "Va\n", ".", 1},
		{"short strings", "", "S''\n", ".", 1},
		{"integers in text", "", "L1\n", ".", 1},
	} {
		in := []byte(c.start + strings.Repeat(c.repeat, n/len(c.repeat)) + c.end)
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		_, _, err := Run(in, &world{})
		runtime.ReadMemStats(&after)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		per := float64(after.TotalAlloc-before.TotalAlloc) / float64(n/len(c.repeat)*c.steps)
		limit := float64(bytesPerStep)
		if len(c.repeat) > 255 {
			limit += 2 * 255 // the value itself, and once more turned round
		}
		t.Logf("%s: %.0f bytes an opcode", c.name, per)
		if per > limit {
			t.Errorf("%s: %.0f bytes an opcode, want %.0f at most", c.name, per, limit)
		}
	}
}

func FuzzRun(f *testing.F) {
	for _, seed := range []string{
		"\x80\x02}q\x00(h\x00h\x00u.", "\x80\x05cm\nf\n(K\x01]q\x01NaeR}b.", "\x80\x04\x8c\x01m\x94\x8c\x01f\x93)R\x94.",
		"(\x8a\x02\x00\x80G\x3f\xf8\x00\x00\x00\x00\x00\x00X\x01\x00\x00\x00aU\x01bC\x01ct.", "}(K\x01K\x02u](NN\x88l0Q.",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		_, length, err := Run(in, &world{})
		if err == nil && (length > len(in) || !bytes.HasSuffix(in[:length], []byte{opStop})) {
			t.Errorf("%d of %d bytes were read", length, len(in))
		}
	})
}
