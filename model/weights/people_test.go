package weights

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"espalier/internal/numpy"
	"espalier/internal/pickle"
)

// tidied reads a file and tidies its tensors, sorted by name.
func tidied(t *testing.T, path, key string) (tensors []Tensor, notes string) {
	t.Helper()
	f, err := Open(path, key)
	if err != nil {
		t.Error(err)
		return nil, ""
	}
	tensors, more, err := tidy(f.Tensors, false)
	if err != nil {
		t.Errorf("%s: %v", path, err)
	}
	slices.SortFunc(tensors, func(a, b Tensor) int { return strings.Compare(a.Name, b.Name) })
	return tensors, strings.Join(append(f.Notes, more...), "; ")
}

// TestFilesThatPeopleHave reads one network in every form that people.py wrote.
func TestFilesThatPeopleHave(t *testing.T) {
	plain, notes := tidied(t, "testdata/people/plain.pt", "")
	if len(plain) != 7 || notes != "" {
		t.Fatalf("%d tensors, notes %q", len(plain), notes)
	}
	files, _ := filepath.Glob("testdata/people/*.pt")
	if len(files) < 30 {
		t.Fatalf("%d files", len(files))
	}
	for _, path := range files {
		name := strings.TrimSuffix(filepath.Base(path), ".pt")
		if strings.HasPrefix(name, "mask") || strings.HasPrefix(name, "several") {
			continue
		}
		got, notes := tidied(t, path, "")
		if name == "lightning" {
			got = slices.DeleteFunc(got, func(t Tensor) bool { return strings.Contains(t.Name, "criterion") })
		}
		if d := cmp.Diff(plain, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		want := map[string]string{
			"prefix_net-": `net.`, "prefix_inside": "_checkpoint_wrapped_module.", "averaged_model": "n_averaged", "counters": "net.conv.total_ops", "under_ema": "ema",
			"under_checkpoint": "checkpoint.model", "under_lists": "runs.1.1.weights", "under_object": "ckpt.params", "beside_ema": "--key state_dict_ema", "beside_ema_flat": "--key model_ema", "whole_parallel": "model",
		}[name]
		if !strings.Contains(notes, want) {
			t.Errorf("%s: notes %q, want one that says %q", name, notes, want)
		}
	}
}

// TestKey chooses among several networks, which a file without a key lists.
func TestKey(t *testing.T) {
	plain, _ := tidied(t, "testdata/people/plain.pt", "")
	for _, name := range []string{"several_dicts.pt", "several_flat.pt"} {
		path := "testdata/people/" + name
		if _, err := Open(path, ""); err == nil || !strings.Contains(err.Error(), "teacher, student; choose one with --key") {
			t.Errorf("%s: error %v", name, err)
		}
		if _, err := Open(path, "x"); err == nil || !strings.Contains(err.Error(), `under "x"`) || !strings.Contains(err.Error(), "teacher, student") {
			t.Errorf("%s: error %v", name, err)
		}
		student, _ := tidied(t, path, "student")
		if d := cmp.Diff(plain, student); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		if teacher, _ := tidied(t, path, "teacher"); cmp.Equal(plain, teacher) {
			t.Errorf("%s: teacher and student are the same", name)
		}
	}
	ema, _ := tidied(t, "testdata/people/beside_ema.pt", "state_dict_ema")
	if cmp.Equal(plain, ema) || len(ema) != len(plain) {
		t.Error("the averaged copy is the network, or was not read")
	}
}

// TestMasks: a network that torch.nn.utils.prune still holds masks of is what it
// is after they were removed, and keeps them.
func TestMasks(t *testing.T) {
	want, _ := tidied(t, "testdata/people/masks_removed.pt", "")
	for _, name := range []string{"masked.pt", "masked_whole.pt"} {
		got, notes := tidied(t, "testdata/people/"+name, "")
		var masks []Tensor
		got = slices.DeleteFunc(got, func(t Tensor) bool {
			if strings.HasPrefix(t.Name, "mask.") {
				masks = append(masks, t)
				return true
			}
			return false
		})
		same := cmp.Comparer(func(a, b Tensor) bool { // -0 is 0
			x, err1 := a.Float32s()
			y, err2 := b.Float32s()
			return a.Name == b.Name && err1 == nil && err2 == nil && slices.Equal(x, y)
		})
		if d := cmp.Diff(want, got, same); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		if len(masks) != 2 || masks[0].Name != "mask.conv" || masks[1].Name != "mask.fc" || !strings.Contains(notes, "masks of 3 tensors") {
			t.Fatalf("%s: %d masks, notes %q", name, len(masks), notes)
		}
		if values, _ := masks[0].Float32s(); len(values) != 8 || slices.Index(values, 0) < 0 || slices.Index(values, 1) < 0 {
			t.Errorf("%s: mask %v", name, values)
		}
	}
}

func TestTidyRefuses(t *testing.T) {
	one := Float32("", []int{1, 1}, []float32{1})
	named := func(name string, of Tensor) Tensor { of.Name = name; return of }
	for _, c := range []struct {
		tensors []Tensor
		want    string
	}{
		{[]Tensor{named("a.weight_orig", one), named("b", one)}, "has no a.weight_mask"},
		{[]Tensor{named("a.weight_orig", one), Float32("a.weight_mask", []int{2}, []float32{1, 1}), named("b", one)}, "its mask [2]"},
		{[]Tensor{named("a.parametrizations.weight.original", one), named("b", one)}, "remove_parametrizations"},
		{[]Tensor{named("a.weight_g", one), named("a.weight_v", one), named("b", one)}, "remove_weight_norm"},
	} {
		if _, _, err := tidy(c.tensors, false); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want one that says %q", err, c.want)
		}
	}
}

// TestMaskTypes multiplies by masks of any element type.
func TestMaskTypes(t *testing.T) {
	for _, mask := range []Tensor{
		{DType: Bool, Data: []byte{1, 0}}, {DType: U8, Data: []byte{1, 0}}, {DType: I8, Data: []byte{1, 0}},
		{DType: I64, Data: append([]byte{1}, make([]byte, 15)...)}, Float32("", nil, []float32{1, 0}),
	} {
		mask.Name, mask.Shape = "a.weight_mask", []int{2}
		got, _, err := tidy([]Tensor{Float32("a.weight_orig", []int{2}, []float32{3, 4}), mask, Float32("b", nil, nil)}, false)
		if err != nil {
			t.Fatal(err)
		}
		if i := slices.IndexFunc(got, func(t Tensor) bool { return strings.HasSuffix(t.Name, "weight") }); i < 0 || !bytes.Equal(got[i].Data, Float32("", nil, []float32{3, 0}).Data) {
			t.Errorf("%s: %v", mask.DType, got)
		}
	}
}

// TestNotWeights names files for what they are.
func TestNotWeights(t *testing.T) {
	for head, want := range map[string]string{
		"version https://git-lfs.github.com/spec/v1\n": "Git LFS pointer", "<!DOCTYPE html>": "web page", "\x1f\x8b\x08\x00\x00\x00\x00\x00": "gzip",
		"\x08\x07\x12\x07pytorch\x1a\x01": "ONNX", "\x89PNG\r\n\x1a\n": "image", "": "empty",
	} {
		if _, _, err := Parse("x.pt", []byte(head)); err == nil || !strings.Contains(err.Error(), "x.pt: the file is") || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one that says %q", head, err, want)
		}
	}
}

// TestOwnMetadata: what a checkpoint keeps under a name that this program gives a
// meaning of its own is no metadata; other settings are.
func TestOwnMetadata(t *testing.T) {
	weight := &numpy.Array{Type: numpy.Type{Kind: 'f', Size: 4}, Shape: []int{1}, Data: make([]byte, 4)}
	root := &pickle.Dict{Pairs: []pickle.Pair{{Key: "weight", Value: weight}, {Key: "arch", Value: "resnet20"}}}
	for _, key := range []string{MetaMean, MetaStd, metaArch, MetaDataset, MetaDataSeed, MetaGraph, MetaQuantization} {
		root.Pairs = append(root.Pairs, pickle.Pair{Key: key, Value: "another program's"})
	}
	found, err := findStates(root)
	if err != nil || len(found) != 1 {
		t.Fatalf("%d states, error %v", len(found), err)
	}
	if d := cmp.Diff(map[string]string{"arch": "resnet20"}, found[0].place.metadata()); d != "" {
		t.Error(d)
	}
}
