package pickle

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
)

// A World says what the names in a pickle stand for. Its errors end the run.
type World interface {
	// Global returns what module's name stands for.
	Global(module, name string) (any, error)
	// Call returns the result of calling function, a value of Global, with args.
	Call(function any, args Tuple) (any, error)
	// Build gives object its attributes.
	Build(object, attributes any) error
	// Persistent returns what a persistent id stands for. In PyTorch's files it
	// is a storage.
	Persistent(id any) (any, error)
}

// An Error says where a pickle is wrong.
type Error struct {
	Offset int // of the opcode
	Err    error
}

func (e *Error) Error() string { return fmt.Sprintf("pickle, offset %d: %v", e.Offset, e.Err) }
func (e *Error) Unwrap() error { return e.Err }

// Run runs the pickle at the start of in and returns its value and its length.
// Its errors are *Error.
func Run(in []byte, w World) (value any, length int, err error) {
	m := &machine{reader: reader{in: in}, memo: map[uint32]any{}, world: w}
	for steps := 0; ; steps++ {
		start := m.pos
		if steps == maxSteps {
			return nil, 0, &Error{start, fmt.Errorf("more than %d opcodes: no file of weights or images needs so many", maxSteps)}
		}
		code, err := m.byte()
		if err == nil && code == opStop {
			if value, err = m.pop(); err == nil {
				return value, m.pos, nil
			}
		}
		if err == nil {
			err = m.run(code)
		}
		if err != nil {
			return nil, 0, &Error{start, err}
		}
	}
}

// maxSteps is the most opcodes of a pickle. A checkpoint of ResNet-56 with its
// optimiser's state has 30,000, a batch of CIFAR-10 45,000.
const maxSteps = 1 << 20

// A machine runs one pickle.
type machine struct {
	reader
	stack
	memo  map[uint32]any
	world World
}

// run executes one opcode.
func (m *machine) run(code byte) error {
	switch code {
	case opProto:
		version, err := m.byte()
		if err == nil && (version > 5) {
			return fmt.Errorf("protocol %d is %w: 0 to 5 are read", version, ErrUnsupported)
		}
		return err
	case opFrame:
		_, err := m.take(8) // a hint for reading ahead
		return err
	case opMark:
		m.push(mark{})
	case opPop:
		_, err := m.popAny()
		return err
	case opPopMark:
		_, err := m.toMark()
		return err
	case opDup:
		top, err := m.top()
		return m.pushed(top, err)

	case opNone:
		m.push(None{})
	case opNewTrue, opNewFalse:
		m.push(code == opNewTrue)
	case opBinInt:
		b, err := m.take(4)
		return m.made(err, func() any { return int64(int32(binary.LittleEndian.Uint32(b))) })
	case opBinInt1:
		b, err := m.take(1)
		return m.made(err, func() any { return int64(b[0]) })
	case opBinInt2:
		b, err := m.take(2)
		return m.made(err, func() any { return int64(binary.LittleEndian.Uint16(b)) })
	case opLong1:
		b, err := m.sized(1, maxLong)
		return m.made(err, func() any { return long(b) })
	case opLong4:
		b, err := m.sized(4, maxLong)
		return m.made(err, func() any { return long(b) })
	case opBinFloat:
		b, err := m.take(8)
		return m.made(err, func() any { return math.Float64frombits(binary.BigEndian.Uint64(b)) })

	case opShortUnicode:
		return m.text(1)
	case opBinUnicode:
		return m.text(4)
	case opBinUnicode8:
		return m.text(8)
	case opShortBinBytes, opShortBinString:
		b, err := m.sized(1, math.MaxUint8)
		return m.pushed(b, err)
	case opBinBytes, opBinString:
		b, err := m.sized(4, math.MaxUint32)
		return m.pushed(b, err)
	case opBinBytes8, opByteArray8:
		b, err := m.sized(8, math.MaxInt64)
		return m.pushed(b, err)

	case opEmptyTuple, opTuple, opTuple1, opTuple2, opTuple3, opEmptyList, opList, opEmptyDict, opDict, opEmptySet, opFrozenSet:
		return m.collection(code)
	case opInt, opLong, opFloat, opString, opUnicode:
		return m.textual(code)
	case opAppend:
		items, err := m.popN(1)
		return m.extend(items, err)
	case opAppends, opAddItems:
		items, err := m.toMark()
		return m.extend(items, err)
	case opSetItem:
		items, err := m.popN(2)
		return m.set(items, err)
	case opSetItems:
		items, err := m.toMark()
		return m.set(items, err)

	case opBinGet, opLongBinGet, opGet, opBinPut, opLongBinPut, opPut, opMemoize:
		return m.remember(code)
	case opGlobal, opInst, opObj, opNewObjEx, opPersID:
		return m.askMore(code)
	case opStackGlobal, opReduce, opNewObj, opBuild, opBinPersID:
		return m.ask(code)
	default:
		return fmt.Errorf("opcode 0x%02x is %w", code, ErrUnsupported)
	}
	return nil
}

// collection makes a tuple, a list, a dict or a set.
func (m *machine) collection(code byte) error {
	switch code {
	case opEmptyTuple:
		m.push(Tuple{})
	case opTuple1, opTuple2, opTuple3:
		items, err := m.popN(int(code) - opTuple1 + 1)
		return m.pushed(Tuple(items), err)
	case opTuple:
		items, err := m.toMark()
		return m.pushed(Tuple(items), err)
	case opEmptyList:
		m.push(&List{})
	case opList:
		items, err := m.toMark()
		return m.pushed(&List{items}, err)
	case opEmptySet:
		m.push(&Set{})
	case opFrozenSet:
		items, err := m.toMark()
		return m.pushed(&Set{items}, err)
	case opEmptyDict:
		m.push(&Dict{})
	case opDict:
		items, err := m.toMark()
		if err := m.pushed(&Dict{}, err); err != nil {
			return err
		}
		return m.set(items, nil)
	}
	return nil
}

// remember moves a value between the stack and the memo.
func (m *machine) remember(code byte) error {
	index := uint32(len(m.memo)) // opMemoize
	switch code {
	case opGet, opPut:
		line, err := m.line()
		if err != nil {
			return err
		}
		n, err := strconv.ParseUint(line, 10, 32)
		if err != nil {
			return fmt.Errorf("memo %.16q has no number; the file is damaged", line)
		}
		index = uint32(n)
	case opBinGet, opLongBinGet, opBinPut, opLongBinPut:
		width := 1
		if code == opLongBinGet || code == opLongBinPut {
			width = 4
		}
		b, err := m.take(width)
		if err != nil {
			return err
		}
		index = uint32(number(b))
	}
	if code == opBinGet || code == opLongBinGet || code == opGet {
		v, ok := m.memo[index]
		if !ok {
			return fmt.Errorf("memo %d is empty; the file is damaged", index)
		}
		m.push(v)
		return nil
	}
	v, err := m.top()
	if err == nil {
		m.memo[index] = v
	}
	return err
}

// ask executes an opcode that needs the World.
func (m *machine) ask(code byte) error {
	if code == opBinPersID {
		id, err := m.pop()
		if err != nil {
			return err
		}
		return m.pushed(m.world.Persistent(id))
	}
	operands, err := m.popN(2)
	if err != nil {
		return err
	}
	first, second := operands[0], operands[1]
	switch code {
	case opStackGlobal:
		module, ok1 := Text(first)
		name, ok2 := Text(second)
		if !ok1 || !ok2 {
			return fmt.Errorf("a global is named by %s and %s; the file is damaged", TypeName(first), TypeName(second))
		}
		return m.pushed(m.world.Global(module, name))
	case opReduce, opNewObj:
		return m.call(first, second)
	default: // opBuild
		return m.pushed(first, m.world.Build(first, second))
	}
}

// call pushes the World's result of calling a function with a tuple of arguments.
func (m *machine) call(function, arguments any) error {
	args, ok := arguments.(Tuple)
	if !ok {
		return fmt.Errorf("%s is called with %s; the file is damaged", TypeName(function), TypeName(arguments))
	}
	return m.pushed(m.world.Call(function, args))
}

// askMore is ask for opcodes with names in text, and for objects whose
// arguments are above a mark or have names, which are dropped.
func (m *machine) askMore(code byte) error {
	switch code {
	case opPersID:
		id, err := m.line()
		if err != nil {
			return err
		}
		return m.pushed(m.world.Persistent(id))
	case opGlobal, opInst:
		module, err := m.line()
		if err != nil {
			return err
		}
		name, err := m.line()
		if err != nil {
			return err
		}
		global, err := m.world.Global(module, name)
		if code == opGlobal || err != nil {
			return m.pushed(global, err)
		}
		args, err := m.toMark()
		if err != nil {
			return err
		}
		return m.call(global, Tuple(args))
	case opObj:
		items, err := m.toMark()
		if err != nil {
			return err
		}
		if len(items) == 0 {
			return errStack
		}
		return m.call(items[0], Tuple(items[1:]))
	default: // opNewObjEx
		operands, err := m.popN(3)
		if err != nil {
			return err
		}
		return m.call(operands[0], operands[1])
	}
}
