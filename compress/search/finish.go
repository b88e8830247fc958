package search

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"espalier/compress/compare"
	"espalier/compress/measure"
	"espalier/compress/quantize"
	"espalier/dataset"
	"espalier/internal/atomicfile"
	"espalier/model/onnx"
	"espalier/model/weights"
)

// Files of a search's folder.
const (
	bestFile = "best.safetensors"
	bestONNX = "best.onnx"
	tried    = "tried.json"
	table    = "tried.md"
)

// save writes the best network so far, and what was tried.
func (s *searcher) save() error {
	best := s.outcome.Candidates[s.outcome.Best].file
	var err error
	if best.Float != nil {
		err = weights.Save(s.path(bestFile), best.Float, best.Metadata)
	} else {
		err = quantize.Save(s.path(bestFile), best.Integer, best.Metadata)
	}
	if err != nil {
		return err
	}
	return s.tell()
}

// tell writes what was tried, for programs and for people.
func (s *searcher) tell() error {
	s.outcome.Seconds = time.Since(s.began).Seconds()
	document, err := json.MarshalIndent(s.outcome, "", "  ")
	if err != nil {
		return err
	}
	for name, content := range map[string]string{tried: string(document) + "\n", table: s.outcome.String()} {
		err := atomicfile.Write(s.path(name), func(w io.Writer) error {
			_, err := io.WriteString(w, content)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// finish exports the best network, holds the export to it, and measures before and
// after on test images. An interruption does not stop it: it takes seconds.
func (s *searcher) finish() error {
	ctx := context.WithoutCancel(s.ctx)
	o := s.outcome
	best := o.Candidates[o.Best].file
	o.Files = []string{s.path(bestFile)}
	if s.data.Test.Len() > 0 {
		before, err := o.Candidates[0].file.Evaluate(ctx, s.engine, s.data)
		if err != nil {
			return err
		}
		after := before
		if o.Best > 0 {
			if after, err = best.Evaluate(ctx, s.engine, s.data); err != nil {
				return err
			}
		}
		o.Before, o.After = before.Top1, after.Top1
	}
	if o.Best > 0 {
		var err error
		if o.Exported, err = s.export(ctx, best); err != nil {
			o.Exported = "no ONNX file: " + err.Error()
		} else {
			o.Files = append(o.Files, s.path(bestONNX))
		}
		o.Losses = s.losses(ctx, best)
	}
	return s.tell()
}

// export writes the ONNX file, reads it again, and compares logits.
func (s *searcher) export(ctx context.Context, best *measure.File) (string, error) {
	var m onnx.Header
	var file *onnx.Model
	if best.Integer != nil {
		var err error
		if _, m.Metadata, err = quantize.Tensors(best.Integer, best.Metadata); err != nil {
			return "", err
		}
		file = onnx.Integer(best.Integer, m)
	} else {
		g := best.Float
		if !g.Fused() {
			g = g.ForInference()
		}
		m.Metadata = weights.Metadata(g, best.Metadata)
		file = onnx.Float(g, m)
	}
	if _, err := file.WriteFile(s.path(bestONNX)); err != nil {
		return "", err
	}
	back, err := measure.Open(measure.Source{Path: s.path(bestONNX)})
	if err != nil {
		return "", fmt.Errorf("the file that was written cannot be read: %w", err)
	}
	images := s.some(checkedImages)
	r, err := compare.Files(ctx, s.engine, best, back, images, 0)
	if err != nil {
		return "", err
	}
	last := r.Layers[len(r.Layers)-1]
	if limit := 1e-3; math.Abs(last.Largest.Value) > limit*max(1, math.Abs(float64(last.Largest.A))) {
		return "", fmt.Errorf("its logits differ from the network's by up to %.3g: please report this", math.Abs(last.Largest.Value))
	}
	return fmt.Sprintf("%s read again gives the network's logits on %d validation images, to %.2g", bestONNX, r.Images, math.Abs(last.Largest.Value)), nil
}

// checkedImages are enough to see a wrong export, and to tell layers apart.
const checkedImages = 64

// some returns the data with the first validation images as its test part.
func (s *searcher) some(n int) *dataset.Data {
	d := *s.data
	d.Test = d.Validation.First(n)
	return &d
}

// losses tells in words which layers of an int8 network are farthest from the
// network in floating point that came in.
func (s *searcher) losses(ctx context.Context, best *measure.File) []string {
	r, err := compare.Files(ctx, s.engine, s.outcome.Candidates[0].file, best, s.some(checkedImages), 0)
	if err != nil {
		return []string{"where it loses was not measured: " + err.Error()}
	}
	layers := slices.DeleteFunc(r.Layers, func(l compare.Layer) bool { return l.SNR == nil })
	slices.SortStableFunc(layers, func(a, b compare.Layer) int { return cmp.Compare(*a.SNR, *b.SNR) })
	var all []string
	for _, l := range layers[:min(3, len(layers))] {
		// Noise over signal, as a share of the values' size.
		share := math.Pow(10, -*l.SNR/20)
		text := fmt.Sprintf("the output of %s is off by %.3g %% of its size", l.Point, 100*share)
		if b := l.SaturatedB; b != nil && b.Max > 0.001 {
			text += fmt.Sprintf(", %.2g %% of its values are cut off at the top", 100*b.Max)
		}
		all = append(all, text)
	}
	return all
}

// String lays the outcome out as Markdown.
func (o *Outcome) String() string {
	var b strings.Builder
	first, best := o.Candidates[0], o.Candidates[o.Best]
	switch {
	case o.Best == 0 && len(o.Candidates) == 1:
		b.WriteString("Nothing was tried yet.\n")
	case o.Best == 0:
		fmt.Fprintf(&b, "Nothing better was found within %.2f points: the network that came in stays the best.\n", 100*o.MaxDrop)
	case o.Goal == Size:
		fmt.Fprintf(&b, "%s: %.1f kB instead of %.1f, %.3g times smaller.\n", best.Name, float64(best.Bytes)/1e3, float64(first.Bytes)/1e3, float64(first.Bytes)/float64(best.Bytes))
	default:
		fmt.Fprintf(&b, "%s: %.3g ms an image on one thread instead of %.3g, %.3g times as fast.\n", best.Name, 1e3*best.Speed.Seconds, 1e3*first.Speed.Seconds, first.Speed.Seconds/best.Speed.Seconds)
	}
	if o.Ended != "" {
		fmt.Fprintf(&b, "The search ended because %s.\n", o.Ended)
	}
	fmt.Fprintf(&b, "\nTop-1 is on validation images of %s, judged against a drop of %.2f points. Measured on %s, kernel %s.\n\n", o.Dataset, 100*o.MaxDrop, o.Machine, o.Kernel)
	b.WriteString("| network | top-1 | drop (points) | sparsity | form | ms, 1 image, 1 thread | images/s at 128 | kB without zeros | verdict |\n|---|---:|---:|---:|---|---:|---:|---:|---|\n")
	for i, c := range o.Candidates {
		mark := ""
		if i == o.Best {
			mark = "**"
		}
		if c.Form == "" {
			fmt.Fprintf(&b, "| %s | – | – | – | – | – | – | – | %s |\n", c.Name, c.Verdict)
			continue
		}
		fmt.Fprintf(&b, "| %s | %.2f %% | %.2f | %.1f %% | %s | %.3f (%.3f to %.3f) | %.0f | %.1f | %s |\n", mark+c.Name+mark, 100*c.Top1, 100*c.Drop, 100*c.Sparsity, c.Form,
			1e3*c.Speed.Seconds, 1e3*c.Speed.Low, 1e3*c.Speed.High, c.Batch, float64(c.Bytes)/1e3, c.Verdict)
	}
	if o.Before > 0 {
		fmt.Fprintf(&b, "\nOn the test images: %.2f %% before, %.2f %% after.\n", 100*o.Before, 100*o.After)
	}
	if o.Exported != "" {
		fmt.Fprintf(&b, "\n%s.\n", o.Exported)
	}
	if len(o.Losses) > 0 {
		fmt.Fprintf(&b, "\nWhere it differs most from the network that came in: %s.\n", strings.Join(o.Losses, "; "))
	}
	return b.String()
}
