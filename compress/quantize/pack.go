package quantize

// packedLen returns the bytes of n codes of so many bits.
func packedLen(n, bits int) int { return (n*bits + 7) / 8 }

// pack puts codes of so many bits, in two's complement, one behind the other. The
// first code is in the lowest bits of the first byte.
func pack(codes []int8, bits int) []byte {
	out := make([]byte, packedLen(len(codes), bits))
	for i, c := range codes {
		at := i * bits
		v := uint16(uint8(c)) & (1<<bits - 1) << (at % 8)
		out[at/8] |= byte(v)
		if v > 255 {
			out[at/8+1] |= byte(v >> 8)
		}
	}
	return out
}

// unpack returns the n codes that pack has put into data.
func unpack(data []byte, n, bits int) []int8 {
	codes := make([]int8, n)
	for i := range codes {
		at := i * bits
		v := uint16(data[at/8])
		if at/8+1 < len(data) {
			v |= uint16(data[at/8+1]) << 8
		}
		v >>= at % 8
		codes[i] = int8(uint8(v)<<(8-bits)) >> (8 - bits) // the sign is the code's first bit
	}
	return codes
}
