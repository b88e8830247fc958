module espalier/model/kernel/_asm

go 1.26
