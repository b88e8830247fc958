package weights

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"
)

// memoryLimit is the most memory that reading a file of n bytes and building a
// network from it may take: see the package's comment.
func memoryLimit(n int) uint64 { return 16<<20 + 300*uint64(n) }

// allocated returns the bytes that do allocates, what is freed again included.
func allocated(do func()) uint64 {
	total := func() uint64 {
		sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
		metrics.Read(sample)
		return sample[0].Value.Uint64()
	}
	before := total()
	do()
	return total() - before
}

// read parses a file and builds a network from it, within the memory that it
// may take.
func read(t testing.TB, file []byte) (tensors []Tensor, metadata map[string]string, err error) {
	t.Helper()
	used := allocated(func() {
		if tensors, metadata, err = Parse("x", file); err == nil {
			Network(tensors, metadata) // must not panic
		}
	})
	if limit := memoryLimit(len(file)); used > limit {
		t.Errorf("a file of %d bytes took %d, want %d at most", len(file), used, limit)
	}
	return tensors, metadata, err
}

// TestMemory reads small files that ask for much.
func TestMemory(t *testing.T) {
	// header describes a network of any size in a few hundred bytes a layer: of
	// shapes that hold nothing, as far as that can be said.
	header := func(width, depth, classes int) []byte {
		var b strings.Builder
		fmt.Fprintf(&b, `{"conv1.weight":{"dtype":"U8","shape":[%d,3,3,3],"data_offsets":[0,%d]}`, width, width*27)
		for stage := 1; stage <= 3; stage++ {
			for block := range (depth - 2) / 6 {
				fmt.Fprintf(&b, `,"layer%d.%d.conv1.weight":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}`, stage, block)
			}
		}
		fmt.Fprintf(&b, `,"fc.weight":{"dtype":"U8","shape":[%d,%d],"data_offsets":[%d,%d]}}`, classes, 4*width, width*27, width*27+classes*4*width)
		head := b.String()
		out := binary.LittleEndian.AppendUint64(nil, uint64(len(head)))
		return append(append(out, head...), make([]byte, width*27+classes*4*width)...)
	}
	// wide describes a VGG that is 64 times as wide as usual, by tensors of no elements.
	var wide strings.Builder
	wide.WriteString(`{"features.1.running_mean":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}`)
	for i := range 16 {
		fmt.Fprintf(&wide, `,"features.%d.weight":{"dtype":"F32","shape":[%d,0,3,3],"data_offsets":[0,0]}`, i, 4096)
	}
	wide.WriteString(`,"classifier.weight":{"dtype":"F32","shape":[10,4096],"data_offsets":[0,163840]}}`)
	vgg := append(binary.LittleEndian.AppendUint64(nil, uint64(wide.Len())), wide.String()...)
	vgg = append(vgg, make([]byte, 163840)...)
	huge := torchZip(t, asm('}'))
	at := bytes.Index(huge, []byte("PK\x01\x02"))
	binary.LittleEndian.PutUint32(huge[at+20:], maxPickle) // compressed and uncompressed size
	binary.LittleEndian.PutUint32(huge[at+24:], maxPickle)
	for _, c := range []struct {
		name string
		file []byte
		want string // in the error
	}{
		{"the widest network", header(256, 110, 10), "resnet110 pad width 256"},
		{"the deepest network", header(16, 110, 10), "hold only"},
		{"the widest VGG", vgg, "vgg19 width 64, which has"},
		{"a header of 16 MB", binary.LittleEndian.AppendUint64(nil, maxHeader), "truncated"},
		{"an entry of 16 MB", huge, "at most"},
		{"an expanded tensor", legacy([]any{'N'}, 0, 1<<24, 0), "more memory"},
		{"many dicts", torchZip(t, asm(bytes.Repeat([]byte("}"), 1<<18))), "no tensors"},
		{"many opcodes", torchZip(t, bytes.Repeat([]byte{0x94}, 1<<20)), "stack"},
	} {
		_, metadata, err := read(t, c.file)
		if err == nil {
			tensors, _, _ := Parse("x", c.file)
			_, err = Network(tensors, metadata)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one that says %q", c.name, err, c.want)
		}
	}
}

// FuzzTorch parses what it is given as a whole file, and as a pickle in a zip
// archive, whose sums would keep mutations out.
func FuzzTorch(f *testing.F) {
	files, _ := filepath.Glob(filepath.Join("testdata", "*.pt"))
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add(legacy([]any{'(', "v", 1, 3, 't'}, 1, 2, 1))
	f.Add(asm('}', []byte{opBinPut, 0}, "model", []byte{opBinGet, 0}, 's'))
	f.Fuzz(func(t *testing.T, in []byte) {
		for _, file := range [][]byte{in, torchZip(t, in)} {
			tensors, _, err := read(t, file)
			if err != nil {
				continue
			}
			for _, tensor := range tensors {
				size, err := byteSize(tensor.Shape, tensor.DType.Size(), maxFile)
				if err != nil || size != int64(len(tensor.Data)) {
					t.Fatalf("%s %v of type %s has %d bytes (error %v)", tensor.Name, tensor.Shape, tensor.DType, len(tensor.Data), err)
				}
			}
		}
	})
}

// FuzzSafetensors: what is read can be written, and is the same when read
// again.
func FuzzSafetensors(f *testing.F) {
	f.Add(file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"__metadata__":{"k":"v"}}`, 0, 0, 128, 63))
	f.Add(file(`{}`))
	f.Add(file(`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}`, 0, 0, 0))
	f.Fuzz(func(t *testing.T, in []byte) {
		read(t, in)
		tensors, metadata, err := parseSafetensors(in)
		if err != nil {
			return
		}
		var b bytes.Buffer
		if err := Encode(&b, tensors, metadata); err != nil {
			// An empty name is legal in the format, and never written here.
			if !slices.ContainsFunc(tensors, func(t Tensor) bool { return t.Name == "" }) {
				t.Fatalf("what was read cannot be written: %v", err)
			}
			return
		}
		again, _, err := parseSafetensors(b.Bytes())
		if err != nil || Hash(tensors) != Hash(again) {
			t.Fatalf("what was written cannot be read, or differs: %v", err)
		}
	})
}
