package filekind

import (
	"strings"
	"testing"
)

func TestOf(t *testing.T) {
	for _, c := range []struct{ head, want string }{
		{"", "empty"},
		{"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 1\n", "Git LFS pointer"},
		{"\n <!DOCTYPE html><html>", "web page"},
		{"\xef\xbb\xbf<HTML>", "web page"},
		{"<?xml version='1.0'?><Error/>", "XML"},
		{"\x1f\x8b\x08\x00", "gzip"},
		{"\x08\x07\x12\x07pytorch", "ONNX"},
		{"\x89PNG\r\n\x1a\n", "PNG"},
		{"\xff\xd8\xff\xe0", "JPEG"},
		{"\x89HDF\r\n\x1a\n", "Keras"},
		{"{\"a\": 1}", "JSON"},
		{"Not Found", "text"},
		{strings.Repeat("x", 257) + "ustar", "tar"},
		{"\x40\x00\x00\x00\x00\x00\x00\x00{\"a\":", ""}, // safetensors
		{"\x08\x07\x00\x00\x00\x00\x00\x00{\"a\":", ""},
		{"\x80\x02}", ""},
	} {
		if got := Of([]byte(c.head)); (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%.20q is %q, want %q", c.head, got, c.want)
		}
	}
}
