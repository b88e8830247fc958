package main

import (
	"fmt"
	"strings"
)

// Loops that do nothing but multiply and add, in registers: what a processor
// can do at most. Each round feeds enough independent sums to hide the latency
// of the instruction, 4 or 5 cycles at two a cycle.
//
// The argument is the number of rounds. Sums and factors are zero, so that no
// value can overflow or become slow.

func peakAVX512(f *file) {
	peak(f, "FloatAVX512", 'Z', 24, "VFMADD231PS Z30, Z31, SUM")
	peak(f, "IntegerAVX512", 'Z', 24, "VPDPBUSD Z30, Z31, SUM")
}

func peakAVX2(f *file) {
	peak(f, "FloatAVX2", 'Y', 12, "VFMADD231PS Y14, Y15, SUM")
	peak(f, "IntegerAVX2", 'Y', 12, "VPMADDWD Y14, Y15, Y13", "VPADDD Y13, SUM, SUM")
}

// peak writes one loop whose instructions are repeated for every sum. Sums are
// in registers 0 to sums−1 of a kind.
func peak(f *file, name string, kind byte, sums int, instructions ...string) {
	f.p("\n// func peak%s(rounds int)", name)
	f.p("TEXT ·peak%s(SB), NOSPLIT, $0-8", name)
	f.p("\tMOVQ rounds+0(FP), CX")
	registers := map[byte]int{'Y': 16, 'Z': 32}[kind]
	clear := map[byte]string{'Y': "VPXOR", 'Z': "VPXORD"}[kind]
	for i := range registers {
		f.p("\t%[1]s %[2]c%[3]d, %[2]c%[3]d, %[2]c%[3]d", clear, kind, i)
	}
	f.p("round:")
	for i := range sums {
		for _, instruction := range instructions {
			f.p("\t%s", strings.ReplaceAll(instruction, "SUM", fmt.Sprintf("%c%d", kind, i)))
		}
	}
	f.p("\tDECQ CX")
	f.p("\tJNZ round")
	f.p("\tVZEROUPPER")
	f.p("\tRET")
}
