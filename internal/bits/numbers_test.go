package bits

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"espalier/compress/pipeline"
	"espalier/configs"
	"espalier/model/weights"
	"espalier/model/zoo"
)

// numbers are the lines of a record, in the order in which a run gets to them.
type numbers []string

func (n *numbers) add(format string, values ...any) {
	for i, v := range values {
		if f, ok := v.(float64); ok {
			values[i] = exact(f)
		}
	}
	*n = append(*n, fmt.Sprintf(format, values...))
}

// exact writes a number such that every other one reads differently.
func exact(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// values sums up many numbers: the first and the last in clear, and a hash of
// the bits of all.
func values[F float32 | float64](all []F) string {
	if len(all) == 0 {
		return "none"
	}
	var bits []byte
	zeros := 0
	for _, v := range all {
		bits = binary.LittleEndian.AppendUint64(bits, math.Float64bits(float64(v)))
		if v == 0 {
			zeros++
		}
	}
	hash := sha256.Sum256(bits)
	size := 64
	if _, single := any(all[0]).(float32); single {
		size = 32
	}
	short := func(v F) string { return strconv.FormatFloat(float64(v), 'g', -1, size) }
	return fmt.Sprintf("%d values, %d of them 0, %s to %s, %s", len(all), zeros, short(all[0]), short(all[len(all)-1]), hex.EncodeToString(hash[:8]))
}

// numbersOf runs an experiment and reads its numbers from the run's folder.
func numbersOf(t *testing.T, e configs.Experiment) (n numbers) {
	t.Helper()
	run, err := pipeline.Create(t.TempDir(), "run", e)
	if err != nil {
		t.Fatal(err)
	}
	_, err = run.Do(context.Background(), pipeline.Parts{Embedded: zoo.Load})
	if failed := run.Close(); cmp.Or(err, failed) != nil {
		t.Fatal(cmp.Or(err, failed))
	}
	var scales []pipeline.Scales // of one moment, all layers
	err = pipeline.ReadJournal(run.Folder.Journal(), func(event pipeline.Event) error {
		if s, ok := event.Body.(pipeline.Scales); ok {
			scales = append(scales, s)
			return nil
		}
		n.scales(scales)
		scales = nil
		n.event(t, run.Folder, event.Body)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// event adds the numbers of one event. Rates, times, names and words are none.
func (n *numbers) event(t *testing.T, folder pipeline.Folder, body pipeline.Body) {
	t.Helper()
	switch b := body.(type) {
	case pipeline.RunStarted:
		n.add("%d weights, %d MACs", b.Weights, b.MACs)
	case pipeline.DataRead:
		n.add("%d images to train, %d to validate, %d to test", b.Train, b.Validation, b.Test)
	case pipeline.StepDone:
		n.add("step %d: loss %v at rate %v", b.GlobalStep, b.Loss, b.LearningRate)
	case pipeline.EpochDone:
		n.add("epoch %d of round %d: training %v %v, validation %v %v on %d", b.Epoch, b.Round, b.TrainLoss, b.TrainTop1, b.ValLoss, b.ValTop1, b.ValCount)
	case pipeline.Evaluated:
		n.add("%s on %s: %d of %d, loss %v", b.What, b.Split, b.Correct, b.Total, b.Loss)
	case pipeline.Sparsity:
		layers := make([]string, len(b.Layers))
		for i, l := range b.Layers {
			layers[i] = fmt.Sprintf("%d", l.Zero)
		}
		n.add("%d of %d weights are 0: by layer %s", b.Zero, b.Total, strings.Join(layers, " "))
	case pipeline.RoundDone:
		n.add("round %d to %v: sparsity %v, top-1 %v, drop %v, passed %v", b.Round, b.Target, b.Sparsity, b.Top1, b.Drop, b.Passed)
		n.checkpoint(t, folder.Path(b.Checkpoint), fmt.Sprintf("round %d", b.Round))
	case pipeline.StageDone:
		if b.Stage == pipeline.StageDense {
			n.checkpoint(t, folder.Path("checkpoints/dense.safetensors"), "dense")
		}
	case pipeline.CalibrationPoint:
		n.add("%s on %d images: %d of %d, fp32 %v", b.Observer, b.Images, b.Correct, b.Total, b.Float)
	case pipeline.Quantized:
		n.add("int8: top-1 %v, fp32 %v, %d bytes instead of %d", b.Top1, b.Float, b.Int8Bytes, b.FloatBytes)
		n.integer(t, folder.Path(b.File))
	case pipeline.RunDone:
		n.add("%s: sparsity %v, top-1 dense %v, pruned %v, int8 %v", b.Status, b.Sparsity, b.Dense, b.Top1, b.Int8)
	}
}

// scales adds what quantization would make of all layers at a moment.
func (n *numbers) scales(all []pipeline.Scales) {
	if len(all) == 0 {
		return
	}
	slices.SortFunc(all, func(a, b pipeline.Scales) int { return strings.Compare(a.Layer, b.Layer) })
	var channels, activations []float64
	for _, s := range all {
		for _, c := range s.Channels {
			channels = append(channels, c.Scale, c.MaxAbs, c.Zero, c.Clipped)
		}
		a := s.Activation
		activations = append(activations, a.Min, a.Max, a.Scale, float64(a.ZeroPoint))
	}
	n.add("scales of %d layers' channels: %s", len(all), values(channels))
	n.add("ranges of %d layers' outputs: %s", len(all), values(activations))
}

// checkpoint adds the tensors of a float network by their names.
func (n *numbers) checkpoint(t *testing.T, path, name string) {
	t.Helper()
	var layers, rest []float32
	for _, tensor := range tensors(t, path) {
		v, err := tensor.Float32s()
		if err != nil {
			t.Fatal(err)
		}
		if len(tensor.Shape) > 1 {
			layers = append(layers, v...)
		} else {
			rest = append(rest, v...)
		}
	}
	n.add("%s: weights %s", name, values(layers))
	n.add("%s: which are 0 %s", name, values(mask(layers)))
	n.add("%s: biases, batch norm %s", name, values(rest))
}

// mask is 1 where a weight is not 0.
func mask(weights []float32) []float32 {
	m := make([]float32, len(weights))
	for i, w := range weights {
		if w != 0 {
			m[i] = 1
		}
	}
	return m
}

// integer adds an int8 network's codes, scales and biases by the names of the
// layers. What the outputs of additions and pools are called is left open: all
// activations' scales with their zero points are a set in rising order.
func (n *numbers) integer(t *testing.T, path string) {
	t.Helper()
	var codes, scales, biases []float32
	zeros := map[string]int32{}
	outputs := map[string]float32{}
	for _, tensor := range tensors(t, path) {
		switch dot := strings.LastIndex(tensor.Name, "."); tensor.Name[dot+1:] {
		case "weight":
			for _, b := range tensor.Data {
				codes = append(codes, float32(int8(b)))
			}
		case "weight_scale":
			scales = append(scales, floats(t, tensor)...)
		case "bias":
			biases = append(biases, floats(t, tensor)...)
		case "output_scale":
			outputs[tensor.Name[:dot]] = floats(t, tensor)[0]
		case "output_zero_point":
			zeros[tensor.Name[:dot]] = int32(tensor.Data[0])
		default:
			t.Fatalf("%s: tensor %s is of no known kind", path, tensor.Name)
		}
	}
	var pairs [][2]float32
	for name, scale := range outputs {
		pairs = append(pairs, [2]float32{scale, float32(zeros[name])})
	}
	slices.SortFunc(pairs, func(a, b [2]float32) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) })
	var activations []float32
	for _, p := range slices.Compact(pairs) {
		activations = append(activations, p[0], p[1])
	}
	n.add("int8: codes %s", values(codes))
	n.add("int8: weight scales %s", values(scales))
	n.add("int8: biases %s", values(biases))
	n.add("int8: activations' scales and zero points %s", values(activations))
}

func floats(t *testing.T, tensor weights.Tensor) []float32 {
	t.Helper()
	v, err := tensor.Float32s()
	if err != nil || len(v) == 0 {
		t.Fatalf("%s: %v, %v", tensor.Name, v, err)
	}
	return v
}

// tensors reads a file's tensors in the order of their names.
func tensors(t *testing.T, path string) []weights.Tensor {
	t.Helper()
	all, _, err := weights.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(all, func(a, b weights.Tensor) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// networkFile writes a ResNet-8 with projection shortcuts of some width, with
// weights drawn for it, and returns the file's path.
func networkFile(t *testing.T, width int) string {
	t.Helper()
	r := rand.New(rand.NewPCG(1, uint64(width)))
	var all []weights.Tensor
	uniform := func(name string, low, high float64, shape ...int) {
		size := 1
		for _, d := range shape {
			size *= d
		}
		data := make([]float32, size)
		for i := range data {
			data[i] = float32(low + (high-low)*float64(r.Uint64()>>11)/(1<<53))
		}
		all = append(all, weights.Float32(name, shape, data))
	}
	convolution := func(name, norm string, in, out, kernel int) {
		bound := math.Sqrt(6 / float64(in*kernel*kernel)) // He et al. 2015
		uniform(name+".weight", -bound, bound, out, in, kernel, kernel)
		uniform(norm+".weight", 0.5, 1.5, out)
		uniform(norm+".bias", -0.5, 0.5, out)
		uniform(norm+".running_mean", -0.5, 0.5, out)
		uniform(norm+".running_var", 0.5, 1.5, out)
	}
	convolution("conv1", "bn1", 3, width, 3)
	in := width
	for stage := range 3 {
		block, out := fmt.Sprintf("layer%d.0.", stage+1), width<<stage
		convolution(block+"conv1", block+"bn1", in, out, 3)
		convolution(block+"conv2", block+"bn2", out, out, 3)
		if stage > 0 {
			convolution(block+"downsample.0", block+"downsample.1", in, out, 1)
		}
		in = out
	}
	uniform("fc.weight", -0.1, 0.1, 10, in)
	uniform("fc.bias", -0.1, 0.1, 10)
	path := filepath.Join(t.TempDir(), "wide.safetensors")
	if err := weights.Write(path, all, nil); err != nil {
		t.Fatal(err)
	}
	return path
}
