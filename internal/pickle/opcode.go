package pickle

// Opcodes under pickletools' names. Run does not know those for extension
// registries and for buffers outside the file.
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
	opBinString      = 'T' // Python 2's str
	opShortBinString = 'U'
	opBinUnicode     = 'X'
	opShortUnicode   = 0x8c
	opBinUnicode8    = 0x8d
	opBinBytes       = 'B'
	opShortBinBytes  = 'C'
	opBinBytes8      = 0x8e
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
	opByteArray8     = 0x96
	opEmptySet       = 0x8f
	opAddItems       = 0x90
	opFrozenSet      = 0x91
	opNewObj         = 0x81
	opNewObjEx       = 0x92

	// Protocols 0 and 1, most of them lines of text.
	opInt     = 'I'
	opLong    = 'L'
	opFloat   = 'F'
	opString  = 'S'
	opUnicode = 'V'
	opGet     = 'g'
	opPut     = 'p'
	opPersID  = 'P'
	opInst    = 'i'
	opObj     = 'o'
)

// Proto is the opcode that every pickle of protocol 2 and later begins with;
// the protocol's number follows.
const Proto = opProto
