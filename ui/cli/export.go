package cli

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"espalier/compress/cost"
	"espalier/compress/measure"
	"espalier/compress/quantize"
	"espalier/model"
	"espalier/model/onnx"
	"espalier/model/weights"
)

func newExport() *cobra.Command {
	var f exportFlags
	cmd := &cobra.Command{
		Use:   "export FILE",
		Short: "Write a network as an ONNX file, or without its zeros",
		Long: `Export writes the network in FILE for onnxruntime and others: in fp32, with batch
norm folded into the convolutions unless told otherwise, or, for a quantized
network, in int8 with QuantizeLinear and DequantizeLinear (QDQ). Operator set 13,
or 21 with --int4; input [batch][channels][height][width], normalised as mean and std in the file's
metadata say; any batch. Pruned weights are written as zeros; the answer says how
small gzip makes the file.

--sparse writes a safetensors file without the zeros: one bit for each weight says
where they were. Every command reads it, and the network is the same bit by bit.`,
		Example: `  espalier export round-6.safetensors --onnx round-6.onnx
  espalier export round-6-int8.safetensors --onnx round-6-int8.onnx --json
  espalier export round-6.safetensors --sparse round-6-small.safetensors`,
		Args:              one("FILE"),
		ValidArgsFunction: weightFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			written, err := f.export(args[0])
			if err != nil {
				return err
			}
			for _, e := range written {
				if err := answer(cmd.OutOrStdout(), f.asJSON, e, e.String()); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&f.onnx, "onnx", "", "ONNX file to write")
	cmd.Flags().StringVar(&f.sparse, "sparse", "", "safetensors file to write without zeros")
	cmd.Flags().BoolVar(&f.fold, "fold", true, "fold batch norm into the convolutions; an int8 network has none")
	cmd.Flags().BoolVar(&f.int4, "int4", false, "write weights of up to 4 bits as int4 rather than int8; takes a runtime with operator set 21")
	f.addNormalisation(cmd, "the file's")
	f.sourceFlags.add(cmd)
	addJSON(cmd, &f.asJSON)
	f.notes = stderrOf{cmd}
	return cmd
}

// exportFlags say what to write, and how.
type exportFlags struct {
	sourceFlags
	onnx   string
	sparse string
	fold   bool
	int4   bool
	notes  io.Writer
	asJSON bool
}

// exported is the answer of the command export.
type exported struct {
	File string `json:"file"`
	Kind string `json:"kind"` // fp32 or int8
	onnx.Size
}

func (e exported) String() string {
	return fmt.Sprintf("%s: %s, %d bytes, %d with gzip", e.File, e.Kind, e.Bytes, e.Compressed)
}

// export writes f.onnx and f.sparse.
func (f *exportFlags) export(path string) ([]exported, error) {
	if f.onnx == "" && f.sparse == "" {
		return nil, errors.New("nothing to write: name the file with --onnx OUT.onnx, or with --sparse OUT.safetensors")
	}
	for out, ending := range map[string]string{f.onnx: ".onnx", f.sparse: ".safetensors"} {
		if out == "" {
			continue
		}
		if err := checkOutput(out, ending, path); err != nil {
			return nil, err
		}
	}
	file, err := measure.Open(f.source(path))
	if err != nil {
		return nil, err
	}
	sayNotes(f.notes, f.asJSON, path, file.Notes)
	if file.Float != nil && quantize.IsPrepared(file.Float) {
		return nil, fmt.Errorf("%s was trained rounded and is in float32: quantize it first, and export the result", path)
	}
	var written []exported
	if f.onnx != "" {
		m, kind := f.model(file)
		size, err := m.WriteFile(f.onnx)
		if err != nil {
			return nil, runError{err}
		}
		written = append(written, exported{f.onnx, kind, size})
	}
	if f.sparse != "" {
		e, err := f.withoutZeros(file)
		if err != nil {
			return nil, runError{err}
		}
		written = append(written, e)
	}
	return written, nil
}

// withoutZeros writes f.sparse.
func (f *exportFlags) withoutZeros(file *measure.File) (exported, error) {
	n := cost.Network{Float: file.Float, Integer: file.Integer, Metadata: file.Metadata}
	if err := n.WriteSparse(f.sparse); err != nil {
		return exported{}, err
	}
	content, err := os.ReadFile(f.sparse)
	if err != nil {
		return exported{}, err
	}
	kind := "fp32 without zeros"
	if file.Integer != nil {
		kind = "int8 without zeros"
	}
	return exported{f.sparse, kind, onnx.Size{Bytes: int64(len(content)), Compressed: cost.Gzipped(content)}}, nil
}

// model returns the network and what it computes in.
func (f *exportFlags) model(file *measure.File) (m *onnx.Model, kind string) {
	h := onnx.Header{Version: thisBuild().String()}
	if q := file.Integer; q != nil {
		h.Metadata = weights.Metadata(&model.Graph{Name: q.Name, Mean: q.Mean, Std: q.Std}, file.Metadata)
		h.Int4 = f.int4
		return onnx.Integer(q, h), "int8"
	}
	n := file.Float
	if f.fold && !n.Fused() {
		n = n.ForInference()
	}
	h.Metadata = weights.Metadata(n, file.Metadata)
	return onnx.Float(n, h), "fp32"
}
