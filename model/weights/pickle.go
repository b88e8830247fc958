package weights

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"slices"
	"unicode/utf8"
)

// A pickle is a program for a small stack machine
// (https://github.com/python/cpython/blob/main/Lib/pickletools.py describes
// every opcode). This machine knows the opcodes that torch.save needs in
// protocols 2 to 5, and no way to call anything but the globals in
// torchGlobals.

// Limits of one pickle. A checkpoint of ResNet-56 with its optimiser's state
// has 60 kB and 10,000 objects.
const (
	maxPickle  = 16 << 20 // bytes
	maxObjects = 1 << 20  // pushed onto the stack
	maxLong    = 255      // bytes of an integer
)

// What a pickle's values become. Booleans, int64, float64, string and []byte
// stand for themselves, *big.Int for integers that need more than eight bytes.
type (
	none     struct{}
	tuple    []any
	list     struct{ items []any }
	dict     struct{ pairs []pair } // in the order of insertion
	pair     struct{ key, value any }
	mark     struct{}
	global   string                 // "module name", as torchGlobals spells it
	instance struct{ class global } // of a class that does not matter here
)

// An unpickler runs one pickle.
type unpickler struct {
	in         []byte
	pos        int // of the next byte in in
	op         int // position of the running opcode
	stack      []any
	memo       map[uint32]any
	objects    int
	persistent func(id any) (any, error)
}

// unpickle runs the pickle at the start of in and returns its value and its
// length. Persistent ids, which stand for storages, go to persistent.
func unpickle(in []byte, persistent func(id any) (any, error)) (value any, length int, err error) {
	u := &unpickler{in: in[:min(len(in), maxPickle)], memo: map[uint32]any{}, persistent: persistent}
	for {
		u.op = u.pos
		code, err := u.byte()
		if err == nil && code == opStop {
			if value, err = u.pop(); err == nil {
				return value, u.pos, nil
			}
		}
		if err == nil {
			err = u.run(code)
		}
		if err != nil {
			return nil, 0, fmt.Errorf("pickle, offset %d: %w", u.op, err)
		}
	}
}

const (
	opMark           = '('
	opStop           = '.'
	opPop            = '0'
	opPopMark        = '1'
	opDup            = '2'
	opNone           = 'N'
	opNewTrue        = 0x88
	opNewFalse       = 0x89
	opBinInt         = 'J'
	opBinInt1        = 'K'
	opBinInt2        = 'M'
	opLong1          = 0x8a
	opLong4          = 0x8b
	opBinFloat       = 'G'
	opBinString      = 'T'
	opShortBinString = 'U'
	opBinUnicode     = 'X'
	opShortUnicode   = 0x8c
	opBinUnicode8    = 0x8d
	opBinBytes       = 'B'
	opShortBinBytes  = 'C'
	opEmptyTuple     = ')'
	opTuple          = 't'
	opTuple1         = 0x85
	opTuple2         = 0x86
	opTuple3         = 0x87
	opEmptyList      = ']'
	opList           = 'l'
	opAppend         = 'a'
	opAppends        = 'e'
	opEmptyDict      = '}'
	opDict           = 'd'
	opSetItem        = 's'
	opSetItems       = 'u'
	opBinGet         = 'h'
	opLongBinGet     = 'j'
	opBinPut         = 'q'
	opLongBinPut     = 'r'
	opMemoize        = 0x94
	opGlobal         = 'c'
	opStackGlobal    = 0x93
	opReduce         = 'R'
	opBuild          = 'b'
	opBinPersID      = 'Q'
	opProto          = 0x80
	opFrame          = 0x95
)

// run executes one opcode.
func (u *unpickler) run(code byte) error {
	switch code {
	case opProto:
		version, err := u.byte()
		if err == nil && version > 5 {
			return fmt.Errorf("protocol %d is %w; at most 5 is read", version, ErrUnsupported)
		}
		return err
	case opFrame:
		_, err := u.take(8) // a hint for reading ahead
		return err
	case opMark:
		return u.push(mark{})
	case opPop:
		_, err := u.popAny()
		return err
	case opPopMark:
		_, err := u.toMark()
		return err
	case opDup:
		top, err := u.top()
		return u.pushed(top, err)
	case opNone:
		return u.push(none{})
	case opNewTrue, opNewFalse:
		return u.push(code == opNewTrue)

	case opBinInt:
		b, err := u.take(4)
		return u.made(err, func() any { return int64(int32(binary.LittleEndian.Uint32(b))) })
	case opBinInt1:
		b, err := u.take(1)
		return u.made(err, func() any { return int64(b[0]) })
	case opBinInt2:
		b, err := u.take(2)
		return u.made(err, func() any { return int64(binary.LittleEndian.Uint16(b)) })
	case opLong1:
		b, err := u.sized(1, maxLong)
		return u.made(err, func() any { return long(b) })
	case opLong4:
		b, err := u.sized(4, maxLong)
		return u.made(err, func() any { return long(b) })
	case opBinFloat:
		b, err := u.take(8)
		return u.made(err, func() any { return math.Float64frombits(binary.BigEndian.Uint64(b)) })

	case opShortBinString, opShortUnicode:
		return u.text(1)
	case opBinString, opBinUnicode:
		return u.text(4)
	case opBinUnicode8:
		return u.text(8)
	case opShortBinBytes:
		b, err := u.sized(1, maxPickle)
		return u.pushed(b, err)
	case opBinBytes:
		b, err := u.sized(4, maxPickle)
		return u.pushed(b, err)

	case opEmptyTuple:
		return u.push(tuple{})
	case opTuple:
		items, err := u.toMark()
		return u.pushed(tuple(items), err)
	case opTuple1, opTuple2, opTuple3:
		items, err := u.popN(int(code) - opTuple1 + 1)
		return u.pushed(tuple(items), err)
	case opEmptyList:
		return u.push(&list{})
	case opList:
		items, err := u.toMark()
		return u.pushed(&list{items}, err)
	case opAppend:
		items, err := u.popN(1)
		return u.extend(items, err)
	case opAppends:
		items, err := u.toMark()
		return u.extend(items, err)
	case opEmptyDict:
		return u.push(&dict{})
	case opDict:
		items, err := u.toMark()
		if err := u.pushed(&dict{}, err); err != nil {
			return err
		}
		return u.set(items, nil)
	case opSetItem:
		items, err := u.popN(2)
		return u.set(items, err)
	case opSetItems:
		items, err := u.toMark()
		return u.set(items, err)

	case opBinGet:
		b, err := u.take(1)
		return u.get(b, err)
	case opLongBinGet:
		b, err := u.take(4)
		return u.get(b, err)
	case opBinPut:
		b, err := u.take(1)
		return u.put(b, err)
	case opLongBinPut:
		b, err := u.take(4)
		return u.put(b, err)
	case opMemoize:
		return u.put(binary.LittleEndian.AppendUint32(nil, uint32(len(u.memo))), nil)

	case opGlobal:
		module, err := u.line()
		if err != nil {
			return err
		}
		name, err := u.line()
		if err != nil {
			return err
		}
		return u.global(module, name)
	case opStackGlobal:
		names, err := u.popN(2)
		if err != nil {
			return err
		}
		module, ok1 := names[0].(string)
		name, ok2 := names[1].(string)
		if !ok1 || !ok2 {
			return fmt.Errorf("a global is named by %s and %s; the file is damaged", typeName(names[0]), typeName(names[1]))
		}
		return u.global(module, name)
	case opReduce:
		operands, err := u.popN(2)
		if err != nil {
			return err
		}
		function, ok1 := operands[0].(global)
		args, ok2 := operands[1].(tuple)
		if !ok1 || !ok2 {
			return fmt.Errorf("%s is called with %s; the file is damaged", typeName(operands[0]), typeName(operands[1]))
		}
		value, err := call(function, args)
		return u.pushed(value, err)
	case opBuild:
		// Attributes of the object below: an OrderedDict's _metadata, say.
		// Nothing here needs them.
		operands, err := u.popN(2)
		if err != nil {
			return err
		}
		switch operands[0].(type) {
		case *dict, instance:
			return u.push(operands[0])
		}
		return fmt.Errorf("attributes are set on %s; the file is damaged", typeName(operands[0]))
	case opBinPersID:
		id, err := u.pop()
		if err != nil {
			return err
		}
		if u.persistent == nil {
			return fmt.Errorf("a storage stands where none belongs; the file is damaged")
		}
		value, err := u.persistent(id)
		return u.pushed(value, err)
	}
	return fmt.Errorf("opcode 0x%02x is %w", code, ErrUnsupported)
}

// byte and take read from the pickle; sized reads bytes behind their count of
// width bytes; line reads up to a newline.
func (u *unpickler) byte() (byte, error) {
	b, err := u.take(1)
	if err != nil {
		return 0, err
	}
	return b[0], nil
}

func (u *unpickler) take(n int) ([]byte, error) {
	if n > len(u.in)-u.pos {
		return nil, fmt.Errorf("%d bytes are wanted and %d are left; the file is truncated, or its pickle longer than the %d bytes that are read", n, len(u.in)-u.pos, maxPickle)
	}
	b := u.in[u.pos : u.pos+n]
	u.pos += n
	return b, nil
}

func (u *unpickler) sized(width int, limit uint64) ([]byte, error) {
	b, err := u.take(width)
	if err != nil {
		return nil, err
	}
	var count [8]byte
	copy(count[:], b)
	n := binary.LittleEndian.Uint64(count[:])
	if n > limit {
		return nil, fmt.Errorf("a value of %d bytes: at most %d are read", n, limit)
	}
	return u.take(int(n))
}

func (u *unpickler) line() (string, error) {
	end := bytes.IndexByte(u.in[u.pos:], '\n')
	if end < 0 {
		return "", fmt.Errorf("a name without end; the file is truncated")
	}
	b, err := u.take(end + 1)
	return string(b[:end]), err
}

func (u *unpickler) text(width int) error {
	b, err := u.sized(width, maxPickle)
	if err == nil && !utf8.Valid(b) {
		return fmt.Errorf("a string is not valid UTF-8")
	}
	return u.made(err, func() any { return string(b) })
}

// long decodes a little-endian two's complement integer.
func long(b []byte) any {
	if len(b) <= 8 {
		var v int64
		for i, x := range b {
			v |= int64(x) << (8 * i)
		}
		if n := len(b); n > 0 && n < 8 && b[n-1] >= 0x80 {
			v -= 1 << (8 * n)
		}
		return v
	}
	reversed := slices.Clone(b)
	slices.Reverse(reversed)
	v := new(big.Int).SetBytes(reversed)
	if b[len(b)-1] >= 0x80 {
		v.Sub(v, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	return v
}

// push, pushed and made put a value on the stack; the last two pass an error on.
func (u *unpickler) push(v any) error {
	if u.objects++; u.objects > maxObjects {
		return fmt.Errorf("more than %d objects; save only the state dict: torch.save(model.state_dict(), FILE)", maxObjects)
	}
	u.stack = append(u.stack, v)
	return nil
}

func (u *unpickler) pushed(v any, err error) error {
	if err != nil {
		return err
	}
	return u.push(v)
}

func (u *unpickler) made(err error, value func() any) error {
	if err != nil {
		return err
	}
	return u.push(value())
}

var errStack = fmt.Errorf("the stack holds fewer values than the opcode takes; the file is damaged")

// popAny removes the topmost entry, a mark too; pop and top want a value.
func (u *unpickler) popAny() (any, error) {
	if len(u.stack) == 0 {
		return nil, errStack
	}
	v := u.stack[len(u.stack)-1]
	u.stack = u.stack[:len(u.stack)-1]
	return v, nil
}

func (u *unpickler) top() (any, error) {
	if len(u.stack) == 0 || u.stack[len(u.stack)-1] == (mark{}) {
		return nil, errStack
	}
	return u.stack[len(u.stack)-1], nil
}

func (u *unpickler) pop() (any, error) {
	v, err := u.top()
	if err == nil {
		u.stack = u.stack[:len(u.stack)-1]
	}
	return v, err
}

// popN removes the n topmost values, toMark those above the topmost mark and
// the mark; both return copies, the deepest first.
func (u *unpickler) popN(n int) ([]any, error) {
	if len(u.stack) < n {
		return nil, errStack
	}
	items := slices.Clone(u.stack[len(u.stack)-n:])
	for _, v := range items {
		if _, ok := v.(mark); ok {
			return nil, errStack
		}
	}
	u.stack = u.stack[:len(u.stack)-n]
	return items, nil
}

func (u *unpickler) toMark() ([]any, error) {
	for i := len(u.stack) - 1; i >= 0; i-- {
		if _, ok := u.stack[i].(mark); ok {
			items := slices.Clone(u.stack[i+1:])
			u.stack = u.stack[:i]
			return items, nil
		}
	}
	return nil, errStack
}

// extend appends to the list on top of the stack, set adds key, value, key,
// value … to the dict there.
func (u *unpickler) extend(items []any, err error) error {
	if err != nil {
		return err
	}
	top, err := u.top()
	if err != nil {
		return err
	}
	l, ok := top.(*list)
	if !ok {
		return fmt.Errorf("values are appended to %s; the file is damaged", typeName(top))
	}
	l.items = append(l.items, items...)
	return nil
}

func (u *unpickler) set(items []any, err error) error {
	if err != nil {
		return err
	}
	top, err := u.top()
	if err != nil {
		return err
	}
	d, ok := top.(*dict)
	if !ok || len(items)%2 != 0 {
		return fmt.Errorf("%d keys and values are set on %s; the file is damaged", len(items), typeName(top))
	}
	for i := 0; i < len(items); i += 2 {
		d.pairs = append(d.pairs, pair{items[i], items[i+1]})
	}
	return nil
}

// get and put read and write the memo at a little-endian index.
func (u *unpickler) get(index []byte, err error) error {
	if err != nil {
		return err
	}
	v, ok := u.memo[memoIndex(index)]
	if !ok {
		return fmt.Errorf("memo %d is empty; the file is damaged", memoIndex(index))
	}
	return u.push(v)
}

func (u *unpickler) put(index []byte, err error) error {
	if err != nil {
		return err
	}
	top, err := u.top()
	if err != nil {
		return err
	}
	u.memo[memoIndex(index)] = top
	return nil
}

func memoIndex(b []byte) uint32 {
	var index [4]byte
	copy(index[:], b)
	return binary.LittleEndian.Uint32(index[:])
}

func (u *unpickler) global(module, name string) error {
	g := global(module + " " + name)
	if err := known(g); err != nil {
		return err
	}
	return u.push(g)
}

// typeName calls a value what Python calls its type. Values themselves stay
// out of messages: they may be long, or contain themselves.
func typeName(v any) string {
	switch v := v.(type) {
	case none:
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
	case tuple:
		return "a tuple"
	case *list:
		return "a list"
	case *dict:
		return "a dict"
	case global:
		return string(v)
	case instance:
		return "a " + string(v.class)
	case *storage:
		return "a storage"
	case *view:
		return "a tensor"
	}
	return "a value"
}
