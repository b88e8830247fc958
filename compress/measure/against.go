package measure

import (
	"context"
	"fmt"
	"math"

	"espalier/dataset"
	"espalier/internal/finite"
	"espalier/model"
)

// A Distance is how far a network's logits are from those that a reference
// computed for the same images, the first ones of the test part.
type Distance struct {
	Reference string        `json:"reference"` // its file
	Images    int           `json:"images"`
	Absolute  finite.OrNull `json:"absolute"` // the largest difference of two logits
	Relative  finite.OrNull `json:"relative"` // that, as a share of the largest logit of the reference
	Image     int           `json:"image"`    // where it is
	Class     int           `json:"class"`
	OtherTop1 int           `json:"other_top1"` // images for which the two networks name different classes
}

// String puts the distance into a line.
func (d Distance) String() string {
	return fmt.Sprintf("the largest logit error against %s is %.3g, %.3g of its largest logit, on image %d, class %d; of %d images %d get another class",
		d.Reference, d.Absolute, d.Relative, d.Image, d.Class, d.Images, d.OtherTop1)
}

// Against compares the network's logits with those in a file of NumPy (see
// dataset.ReadMatrix), a row for each of the first test images of d.
func (f *File) Against(ctx context.Context, e *model.Engine, d *dataset.Data, path string) (Distance, error) {
	none := Distance{Reference: path}
	reference, err := dataset.ReadMatrix(path)
	if err != nil {
		return none, err
	}
	classes := f.network().Classes()
	if reference.Columns != classes {
		return none, fmt.Errorf("%s has %d logits for each image, and %s gives %d: give logits of the same network", path, reference.Columns, f.Path, classes)
	}
	if n := d.Test.Len(); reference.Rows > n {
		return none, fmt.Errorf("%s has logits of %d images, and there are %d test images: raise --limit or give fewer logits", path, reference.Rows, n)
	}
	if i := finite.First(reference.Values); i >= 0 {
		return none, fmt.Errorf("%s has %v for image %d: want finite logits", path, reference.Values[i], i/classes)
	}
	images, err := f.Normalise(d)
	if err != nil {
		return none, err
	}
	run := f.evaluator(e)
	logits := make([]float32, batch*classes)
	distance := Distance{Reference: path, Images: reference.Rows}
	var largest float64
	first := 0
	for x, labels := range images.NewLoader(images.Test, dataset.LoaderOptions{Batch: batch}).Epoch(0) {
		if err := ctx.Err(); err != nil {
			return none, err
		}
		run.Logits(logits[:len(labels)*classes], x)
		for i := range min(len(labels), reference.Rows-first) {
			got := logits[i*classes : (i+1)*classes]
			want := reference.Values[(first+i)*classes : (first+i+1)*classes]
			for c, y := range want {
				off := math.Abs(float64(got[c]) - float64(y))
				largest = max(largest, math.Abs(float64(y)))
				if off > float64(distance.Absolute) || off != off {
					distance.Absolute, distance.Image, distance.Class = finite.OrNull(off), first+i, c
				}
			}
			if top(got) != top(want) {
				distance.OtherTop1++
			}
		}
		if first += len(labels); first >= reference.Rows {
			break
		}
	}
	if distance.Absolute > 0 || distance.Absolute != distance.Absolute {
		distance.Relative = distance.Absolute / finite.OrNull(largest)
	}
	return distance, nil
}

func top(logits []float32) int {
	best := 0
	for c, y := range logits {
		if y > logits[best] {
			best = c
		}
	}
	return best
}
