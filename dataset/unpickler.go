package dataset

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// An unpickler is the part of Python's pickle machine (module pickletools
// describes its opcodes) that files of CIFAR-10 need: protocol 2 as Python 2
// wrote it for the official files, and protocols 3 and 4 for files that were
// saved again. It runs no code: the only names it knows build byte arrays.
type unpickler struct {
	file  string
	input []byte
	at    int // offset of the next byte
	steps int
	stack []any
	marks []int // heights of the stack
	memo  map[uint32]any
}

// maxSteps bounds the opcodes of a file, and with it the memory that a small
// one can ask for. An official file has about 45,000.
const maxSteps = 4_000_000

// Opcodes, under pickletools' names.
const (
	opProto           = 0x80
	opFrame           = 0x95
	opMark            = '('
	opStop            = '.'
	opPop             = '0'
	opNone            = 'N'
	opNewTrue         = 0x88
	opNewFalse        = 0x89
	opBinInt          = 'J'
	opBinInt1         = 'K'
	opBinInt2         = 'M'
	opBinString       = 'T' // Python 2's str
	opShortBinString  = 'U'
	opBinBytes        = 'B' // Python 3's bytes
	opShortBinBytes   = 'C'
	opBinBytes8       = 0x8e
	opBinUnicode      = 'X'
	opShortBinUnicode = 0x8c
	opEmptyDict       = '}'
	opEmptyList       = ']'
	opEmptyTuple      = ')'
	opTuple           = 't'
	opTuple1          = 0x85
	opTuple2          = 0x86
	opTuple3          = 0x87
	opAppend          = 'a'
	opAppends         = 'e'
	opSetItem         = 's'
	opSetItems        = 'u'
	opBinPut          = 'q'
	opLongBinPut      = 'r'
	opMemoize         = 0x94
	opBinGet          = 'h'
	opLongBinGet      = 'j'
	opGlobal          = 'c'
	opStackGlobal     = 0x93
	opReduce          = 'R'
	opBuild           = 'b'
)

var (
	errEnds  = errors.New("the pickle ends too early: the file is truncated, get it again")
	errStack = errors.New("the pickle takes more than it holds: the file is damaged, get it again")
)

// run returns the pickled object.
func (m *unpickler) run() (any, error) {
	for {
		start := m.at
		stop, err := m.step()
		if err == nil && stop {
			var top any
			if top, err = m.pop(); err == nil {
				return top, nil
			}
		}
		if err != nil {
			return nil, &FormatError{m.file, int64(start), err.Error()}
		}
		if m.steps++; m.steps > maxSteps {
			return nil, &FormatError{m.file, int64(start), fmt.Sprintf("more than %d steps: the file is no batch of CIFAR-10", maxSteps)}
		}
	}
}

// step executes one opcode and tells whether it was the last.
func (m *unpickler) step() (stop bool, err error) {
	op, err := m.take(1)
	if err != nil {
		return false, err
	}
	switch op[0] {
	case opProto:
		version, err := m.number(1)
		if err == nil && (version < 2 || version > 4) {
			err = fmt.Errorf("pickle protocol %d instead of 2 to 4: save the file again with protocol=4", version)
		}
		return false, err
	case opFrame:
		_, err = m.take(8) // a hint for buffering
	case opStop:
		return true, nil

	case opNone:
		m.push(nil)
	case opNewTrue:
		m.push(true)
	case opNewFalse:
		m.push(false)
	case opBinInt:
		var v uint64
		v, err = m.number(4)
		m.push(int64(int32(v)))
	case opBinInt1:
		err = m.integer(1)
	case opBinInt2:
		err = m.integer(2)
	case opShortBinString, opShortBinBytes, opShortBinUnicode:
		err = m.text(1)
	case opBinString, opBinBytes, opBinUnicode:
		err = m.text(4)
	case opBinBytes8:
		err = m.text(8)

	case opMark:
		m.marks = append(m.marks, len(m.stack))
	case opPop:
		_, err = m.pop()
	case opEmptyTuple:
		m.push(tuple(nil))
	case opTuple1, opTuple2, opTuple3:
		err = m.tuple(len(m.stack) - int(op[0]-opTuple1) - 1)
	case opTuple:
		var mark int
		if mark, err = m.mark(); err == nil {
			err = m.tuple(mark)
		}
	case opEmptyList:
		m.push(new(list))
	case opAppend:
		err = m.extend(len(m.stack) - 1)
	case opAppends:
		var mark int
		if mark, err = m.mark(); err == nil {
			err = m.extend(mark)
		}
	case opEmptyDict:
		m.push(&dict{make(map[string]any)})
	case opSetItem:
		err = m.set(len(m.stack) - 2)
	case opSetItems:
		var mark int
		if mark, err = m.mark(); err == nil {
			err = m.set(mark)
		}

	case opBinPut:
		err = m.put(1)
	case opLongBinPut:
		err = m.put(4)
	case opMemoize:
		err = m.remember(uint64(len(m.memo)))
	case opBinGet:
		err = m.get(1)
	case opLongBinGet:
		err = m.get(4)

	case opGlobal:
		err = m.global()
	case opStackGlobal:
		err = m.stackGlobal()
	case opReduce:
		err = m.reduce()
	case opBuild:
		err = m.build()
	default:
		err = fmt.Errorf("opcode 0x%02x, which no batch of CIFAR-10 needs: the file is another pickle, or is damaged", op[0])
	}
	return false, err
}

// take returns the next n bytes of the input.
func (m *unpickler) take(n uint64) ([]byte, error) {
	if n > uint64(len(m.input)-m.at) {
		return nil, errEnds
	}
	b := m.input[m.at:][:n:n]
	m.at += int(n)
	return b, nil
}

// line returns the input up to the next newline, at most 64 bytes.
func (m *unpickler) line() (string, error) {
	for i, c := range m.input[m.at:min(m.at+64, len(m.input))] {
		if c == '\n' {
			b, err := m.take(uint64(i) + 1)
			return string(b[:i]), err
		}
	}
	return "", errors.New("a name without an end: the file is damaged, get it again")
}

// number returns a little-endian number of n bytes.
func (m *unpickler) number(n uint64) (uint64, error) {
	b, err := m.take(n)
	if err != nil {
		return 0, err
	}
	var whole [8]byte
	copy(whole[:], b)
	return binary.LittleEndian.Uint64(whole[:]), nil
}

func (m *unpickler) integer(n uint64) error {
	v, err := m.number(n)
	m.push(int64(v))
	return err
}

// text pushes a string whose length stands before it in n bytes.
func (m *unpickler) text(n uint64) error {
	size, err := m.number(n)
	if err != nil {
		return err
	}
	b, err := m.take(size)
	m.push(b)
	return err
}

func (m *unpickler) push(v any) { m.stack = append(m.stack, v) }

// above removes and returns what lies on the stack from height on. What lies
// below a mark is out of reach until the mark is gone.
func (m *unpickler) above(height int) ([]any, error) {
	floor := 0
	if len(m.marks) > 0 {
		floor = m.marks[len(m.marks)-1]
	}
	if height < floor {
		return nil, errStack
	}
	v := m.stack[height:]
	m.stack = m.stack[:height]
	return v, nil
}

func (m *unpickler) pop() (any, error) {
	v, err := m.above(len(m.stack) - 1)
	if err != nil {
		return nil, err
	}
	return v[0], nil
}

// mark removes the last mark and returns its height.
func (m *unpickler) mark() (int, error) {
	n := len(m.marks)
	if n == 0 {
		return 0, errStack
	}
	height := m.marks[n-1]
	m.marks = m.marks[:n-1]
	return height, nil
}

// top returns the object on top of the stack without removing it.
func (m *unpickler) top() (any, error) {
	v, err := m.pop()
	m.push(v)
	return v, err
}

func (m *unpickler) tuple(height int) error {
	items, err := m.above(height)
	m.push(append(tuple(nil), items...))
	return err
}

// extend appends what lies from height on to the list below it.
func (m *unpickler) extend(height int) error {
	items, err := m.above(height)
	if err != nil {
		return err
	}
	top, err := m.top()
	if err != nil {
		return err
	}
	l, ok := top.(*list)
	if !ok {
		return errors.New("items for what is no list: the file is damaged, get it again")
	}
	l.items = append(l.items, items...)
	return nil
}

// set puts pairs of key and value, from height on, into the dict below them.
func (m *unpickler) set(height int) error {
	items, err := m.above(height)
	if err != nil {
		return err
	}
	top, err := m.top()
	if err != nil {
		return err
	}
	d, ok := top.(*dict)
	if !ok || len(items)%2 != 0 {
		return errors.New("entries for what is no dict: the file is damaged, get it again")
	}
	for i := 0; i < len(items); i += 2 {
		key, ok := items[i].([]byte)
		if !ok {
			return errors.New("a dict whose keys are no strings: the file is no batch of CIFAR-10")
		}
		d.value[string(key)] = items[i+1]
	}
	return nil
}

func (m *unpickler) put(n uint64) error {
	id, err := m.number(n)
	if err != nil {
		return err
	}
	return m.remember(id)
}

func (m *unpickler) remember(id uint64) error {
	v, err := m.top()
	m.memo[uint32(id)] = v
	return err
}

func (m *unpickler) get(n uint64) error {
	id, err := m.number(n)
	if err != nil {
		return err
	}
	v, ok := m.memo[uint32(id)]
	if !ok {
		return errStack
	}
	m.push(v)
	return nil
}

func (m *unpickler) global() error {
	module, err := m.line()
	if err != nil {
		return err
	}
	name, err := m.line()
	if err != nil {
		return err
	}
	return m.name(module, name)
}

func (m *unpickler) stackGlobal() error {
	v, err := m.above(len(m.stack) - 2)
	if err != nil {
		return err
	}
	module, ok1 := v[0].([]byte)
	name, ok2 := v[1].([]byte)
	if !ok1 || !ok2 {
		return errors.New("a name that is no string: the file is damaged, get it again")
	}
	return m.name(string(module), string(name))
}

func (m *unpickler) name(module, name string) error {
	g, ok := globals[module+" "+name]
	if !ok {
		return fmt.Errorf("the name %.64q, which no batch of CIFAR-10 needs: the file is another pickle", module+"."+name)
	}
	m.push(g)
	return nil
}

func (m *unpickler) reduce() error {
	v, err := m.above(len(m.stack) - 2)
	if err != nil {
		return err
	}
	result, problem := call(v[0], v[1])
	if problem != "" {
		return errors.New(problem + ": the file is another pickle, or is damaged")
	}
	m.push(result)
	return nil
}

func (m *unpickler) build() error {
	state, err := m.pop()
	if err != nil {
		return err
	}
	object, err := m.top()
	if err != nil {
		return err
	}
	if problem := build(object, state); problem != "" {
		return errors.New(problem + ": the file is another pickle, or is damaged")
	}
	return nil
}
