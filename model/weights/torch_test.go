package weights

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"espalier/internal/pickle"
	"espalier/internal/shared"
)

// expected reads what make.py noted beside a checkpoint.
func expected(t *testing.T, name string) []Tensor {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var listed []struct {
		Name, Data string
		DType      DType
		Shape      []int
	}
	if err := json.Unmarshal(text, &listed); err != nil {
		t.Fatal(err)
	}
	var tensors []Tensor
	for _, l := range listed {
		data, err := hex.DecodeString(l.Data)
		if err != nil {
			t.Fatal(err)
		}
		tensors = append(tensors, Tensor{l.Name, l.DType, l.Shape, data})
	}
	return tensors
}

// TestTorchFiles reads what PyTorch saved, bit for bit.
func TestTorchFiles(t *testing.T) {
	for _, name := range []string{
		"types.zip.pt", "types.legacy.pt", "types.protocol4.pt",
		"views.zip.pt", "views.legacy.pt",
		"checkpoint.zip.pt", "checkpoint.legacy.pt",
	} {
		got, metadata, err := Read(filepath.Join("testdata", name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := expected(t, name)
		if len(want) == 0 {
			t.Fatalf("%s.json lists nothing", name)
		}
		same := cmp.Comparer(func(a, b Tensor) bool {
			return a.Name == b.Name && a.DType == b.DType && bytes.Equal(a.Data, b.Data) && len(a.Shape) == len(b.Shape) && cmp.Equal(append(a.Shape, 0), append(b.Shape, 0))
		})
		if d := cmp.Diff(want, got, same); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		if strings.HasPrefix(name, "checkpoint") {
			want := map[string]string{"epoch": "200", "best_prec1": "91.25", "arch": "resnet20", "done": "true", "negative": "-1099511627776"}
			if d := cmp.Diff(want, metadata); d != "" {
				t.Errorf("%s: %s", name, d)
			}
		}
	}
}

func TestTorchRefuses(t *testing.T) {
	for name, want := range map[string]string{
		"torchscript.pt": "TorchScript",
		"quantized.pt":   "quantized",
		"tensor.pt":      "state_dict",
		"empty.pt":       "no tensors",
		"complex.pt":     "ComplexFloatStorage",
	} {
		_, _, err := Read(filepath.Join("testdata", name))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: error %v, want one that names the file and says %q", name, err, want)
		}
		if unsupported := name != "tensor.pt" && name != "empty.pt"; errors.Is(err, ErrUnsupported) != unsupported {
			t.Errorf("%s: error %v, ErrUnsupported %v expected", name, err, unsupported)
		}
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	w.WriteHeader(&tar.Header{Name: "sys_info", Size: 0, Mode: 0o644, Format: tar.FormatUSTAR})
	w.Close()
	if _, _, err := Parse("x.pth", b.Bytes()); !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), "tar") {
		t.Errorf("a tar file: error %v", err)
	}
}

// TestPublishedCheckpoint reads a file of 2018: legacy format, tensors on a
// GPU, _rebuild_tensor instead of _v2.
func TestPublishedCheckpoint(t *testing.T) {
	n, metadata, err := Load(shared.File(t, "weights/resnet20-12fca82f.th"))
	if err != nil {
		t.Fatal(err)
	}
	if n.Name != "resnet20 pad" || n.Weights() != 268336 {
		t.Errorf("%s with %d weights", n.Name, n.Weights())
	}
	if metadata["best_prec1"] != "91.78000183105469" {
		t.Errorf("metadata %v", metadata)
	}
	for _, l := range n.Layers() { // a network that was trained, not bytes that happened to fit
		var sum float64
		for _, w := range l.Weight {
			sum += float64(w) * float64(w)
		}
		if rms := math.Sqrt(sum / float64(len(l.Weight))); rms < 0.01 || rms > 1 {
			t.Errorf("%s has a root mean square of %v", l.Name, rms)
		}
	}
}

// A changed byte anywhere in a checkpoint is found or harmless: it never
// panics. In a zip file every byte of the tensors is under a sum.
func TestTorchDamaged(t *testing.T) {
	for _, name := range []string{"checkpoint.zip.pt", "checkpoint.legacy.pt", "views.legacy.pt"} {
		good, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		for i := range good {
			bad := bytes.Clone(good)
			bad[i] ^= 0xff
			Parse(name, bad)
			if _, _, err := Parse(name, good[:i]); err == nil {
				t.Errorf("%s cut to %d of %d bytes: no error", name, i, len(good))
			}
		}
		if i := bytes.Index(good, expected(t, name)[0].Data); strings.Contains(name, "zip") {
			bad := bytes.Clone(good)
			bad[i] ^= 1
			if _, _, err := Parse(name, bad); err == nil || !strings.Contains(err.Error(), "checksum") {
				t.Errorf("%s with one bit of a weight changed: error %v", name, err)
			}
		}
	}
}

// Opcodes that stand for no character.
const (
	opTuple1      = 0x85
	opNewTrue     = 0x88
	opLong1       = 0x8a
	opStackGlobal = 0x93
	opBinGet      = 'h'
	opBinPut      = 'q'
)

// asm writes pickles as text would: strings become BINUNICODE, ints BININT,
// everything else stands for its bytes.
func asm(parts ...any) []byte {
	out := []byte{pickle.Proto, 2}
	for _, p := range parts {
		switch p := p.(type) {
		case string:
			out = append(out, 'X')
			out = binary.LittleEndian.AppendUint32(out, uint32(len(p)))
			out = append(out, p...)
		case int:
			out = append(out, 'J')
			out = binary.LittleEndian.AppendUint32(out, uint32(int32(p)))
		case rune:
			out = append(out, byte(p))
		case global:
			module, name, _ := strings.Cut(string(p), " ")
			out = append(out, "c"+module+"\n"+name+"\n"...)
		case []byte:
			out = append(out, p...)
		}
	}
	return append(out, '.')
}

// legacy puts a legacy file together: one float storage "s" of four elements,
// and {"w": tensor} with the given persistent id's sixth part and the
// tensor's offset, shape and stride.
func legacy(part []any, offset, shape, stride int) []byte {
	magic := append([]byte{opLong1, 10}, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19)
	object := []any{'}', "w", global("torch._utils _rebuild_tensor_v2"), '(',
		'(', "storage", global("torch FloatStorage"), "s", "cpu", 4}
	object = append(object, part...)
	object = append(object, 't', 'Q', offset, shape, rune(opTuple1), stride, rune(opTuple1), 't', 'R', 's')
	var b bytes.Buffer
	b.Write(asm(magic))
	b.Write(asm(legacyProtocol))
	b.Write(asm('}', "little_endian", rune(opNewTrue), 's'))
	b.Write(asm(object...))
	b.Write(asm(']', "s", 'a'))
	binary.Write(&b, binary.LittleEndian, uint64(4))
	binary.Write(&b, binary.LittleEndian, []float32{10, 11, 12, 13})
	return b.Bytes()
}

func TestLegacyViews(t *testing.T) {
	for _, c := range []struct {
		name                  string
		part                  []any
		offset, shape, stride int
		want                  []float32 // nil for an error
	}{
		{"whole", []any{'N'}, 1, 3, 1, []float32{11, 12, 13}},
		{"part of a storage", []any{'(', "v", 1, 3, 't'}, 1, 2, 1, []float32{12, 13}},
		{"every second", []any{'N'}, 0, 2, 2, []float32{10, 12}},
		{"nothing at the end", []any{'N'}, 4, 0, 1, []float32{}},
		{"one too many", []any{'N'}, 1, 4, 1, nil},
		{"stride too long", []any{'N'}, 0, 2, 4, nil},
		{"negative stride", []any{'N'}, 3, 2, -1, nil},
		{"negative offset", []any{'N'}, -1, 1, 1, nil},
		{"negative shape", []any{'N'}, 0, -1, 1, nil},
		{"offset behind the end", []any{'N'}, 5, 0, 1, nil},
		{"one behind the end", []any{'N'}, 4, 1, 1, nil},
		{"more than memory", []any{'N'}, 0, math.MaxInt32, 0, nil},
		{"expanded beyond the budget", []any{'N'}, 0, 1 << 24, 0, nil},
		{"part outside its storage", []any{'(', "v", 2, 3, 't'}, 0, 1, 1, nil},
		{"tensor outside its part", []any{'(', "v", 1, 2, 't'}, 1, 2, 1, nil},
		{"part of nonsense", []any{'(', "v", 1, 't'}, 0, 1, 1, nil},
	} {
		tensors, _, err := Parse("x", legacy(c.part, c.offset, c.shape, c.stride))
		if c.want == nil {
			if err == nil {
				t.Errorf("%s: no error", c.name)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		got, err := tensors[0].Float32s()
		if err != nil || !cmp.Equal(got, c.want) {
			t.Errorf("%s: %v, %v, want %v", c.name, got, err, c.want)
		}
	}
}

// Zip archives that torch.save did not write.
func TestZipRefuses(t *testing.T) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	compressed, err := w.Create("a/data.pkl") // deflates
	if err != nil {
		t.Fatal(err)
	}
	compressed.Write(asm('}'))
	w.Close()
	if _, _, err := Parse("x", b.Bytes()); err == nil || !strings.Contains(err.Error(), "no tensors found: the file holds a dict") {
		t.Errorf("a compressed entry: error %v", err)
	}
	packed := bytes.Clone(b.Bytes()) // with method 12, bzip2
	for _, mark := range []string{"PK\x03\x04", "PK\x01\x02"} {
		at := bytes.Index(packed, []byte(mark)) + map[string]int{"PK\x03\x04": 8, "PK\x01\x02": 10}[mark]
		packed[at] = 12
	}
	if _, _, err := Parse("x", packed); !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), "method 12") {
		t.Errorf("an entry in bzip2: error %v", err)
	}
	b.Reset()
	w = zip.NewWriter(&b)
	w.Create("readme.txt")
	w.Close()
	if _, _, err := Parse("x", b.Bytes()); err == nil || !strings.Contains(err.Error(), "data.pkl") {
		t.Errorf("another zip archive: error %v", err)
	}
}

// What a checkpoint's pickle may not say, and a dict that holds itself. The
// machine itself is tested in package pickle.
func TestPickleRefuses(t *testing.T) {
	// d = {}; d["model"] = d
	_, _, err := Parse("x", torchZip(t, asm('}', []byte{opBinPut, 0}, "model", []byte{opBinGet, 0}, 's')))
	if err == nil || !strings.Contains(err.Error(), "no tensors") {
		t.Errorf("a dict in itself: error %v", err)
	}
	for name, c := range map[string]struct {
		pickle []byte
		want   string
	}{
		"a global":             {asm(global("os system"), "ls", rune(opTuple1), 'R'), "no tensors found: the file holds an object of class os system"},
		"a global by stack":    {asm("os", "system", rune(opStackGlobal)), "no tensors found: the file holds os system"},
		"a called storage":     {asm(global("torch FloatStorage"), ')', 'R'), "no tensors"},
		"a called number":      {asm(1, ')', 'R'), "an int is called"},
		"attributes of a list": {asm(']', '}', 'b'), "attributes are set on a list"},
		"an unknown opcode":    {asm(rune(0x97)), "opcode 0x97 is unsupported"},
		"a persistent number":  {asm(1, 'Q'), "no tensors"},
		"a shape of ten":       {asm(global("torch._utils _rebuild_tensor"), '(', 1, 0, bytes.Repeat([]byte("(NNNNNNNNNNt"), 2), 't', 'R'), "8 at most"},
		// A list of 2¹² items, copied again and again.
		"a call repeated": {asm(']', '(', bytes.Repeat([]byte("))\x86"), 1<<12), 'e', []byte{opBinPut, 0},
			bytes.Repeat(slices.Concat([]byte("ccollections\nOrderedDict\nh\x00"), []byte{opTuple1, 'R'}), 1<<9)), "more than 1048576 items"},
	} {
		_, _, err := Parse("x", torchZip(t, c.pickle))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one that says %q", name, err, c.want)
		}
	}
}

// torchZip wraps a pickle as torch.save does.
func torchZip(t testing.TB, pickle []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, err := w.CreateHeader(&zip.FileHeader{Name: "archive/data.pkl", Method: zip.Store})
	if err != nil {
		t.Fatal(err)
	}
	f.Write(pickle)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
