package dataset

import (
	"bytes"
	"encoding/binary"
)

// orientation returns the EXIF orientation of a JPEG file, 1 to 8, or 1 if it
// has no valid one.
func orientation(file []byte) int {
	for at := 2; at+4 <= len(file) && file[at] == 0xff; {
		marker, size := file[at+1], int(binary.BigEndian.Uint16(file[at+2:]))
		if marker == 0xda || size < 2 || at+2+size > len(file) { // pixels begin
			return 1
		}
		segment := file[at+4 : at+2+size]
		if body, ok := bytes.CutPrefix(segment, []byte("Exif\x00\x00")); marker == 0xe1 && ok {
			return tiffOrientation(body)
		}
		at += 2 + size
	}
	return 1
}

// tiffOrientation looks for tag 0x0112 in the first directory of a TIFF header.
func tiffOrientation(b []byte) int {
	if len(b) < 8 {
		return 1
	}
	var order binary.ByteOrder = binary.LittleEndian
	if b[0] == 'M' {
		order = binary.BigEndian
	}
	at := int64(order.Uint32(b[4:]))
	if at+2 > int64(len(b)) {
		return 1
	}
	entries := int64(order.Uint16(b[at:]))
	for i := range entries {
		entry := at + 2 + 12*i
		if entry+12 > int64(len(b)) {
			return 1
		}
		if order.Uint16(b[entry:]) == 0x0112 {
			if v := int(order.Uint16(b[entry+8:])); v >= 1 && v <= 8 {
				return v
			}
			return 1
		}
	}
	return 1
}

// upright turns and mirrors an image as an orientation asks for.
func upright(src []uint8, from Shape, orientation int) ([]uint8, Shape) {
	if orientation == 1 {
		return src, from
	}
	to := from
	if orientation >= 5 {
		to.H, to.W = from.W, from.H
	}
	dst := make([]uint8, len(src))
	for c := range to.C {
		for y := range to.H {
			for x := range to.W {
				fy, fx := y, x
				if orientation >= 5 { // a row of the file is a column
					fy, fx = x, y
				}
				switch orientation {
				case 2:
					fx = from.W - 1 - fx
				case 3:
					fy, fx = from.H-1-fy, from.W-1-fx
				case 4:
					fy = from.H - 1 - fy
				case 6:
					fy = from.H - 1 - fy
				case 7:
					fy, fx = from.H-1-fy, from.W-1-fx
				case 8:
					fx = from.W - 1 - fx
				}
				dst[(c*to.H+y)*to.W+x] = src[(c*from.H+fy)*from.W+fx]
			}
		}
	}
	return dst, to
}
