package quantize

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"os"
	"strings"
	"sync"
	"testing"

	"espalier/internal/shared"
)

// zooImages are what the networks of ../shared/zoo were calibrated and measured
// on: the first images of CIFAR-10's first batch and of its test set, of the JPEG
// copy beside them, normalised.
type zooImages struct{ train, test []float32 }

const (
	zooTrain = 128
	zooTest  = 200
)

var readZooImages = sync.OnceValues(func() (*zooImages, error) {
	labels, err := os.ReadFile(shared.Path("cifar10/labels.u8"))
	if err != nil {
		return nil, err
	}
	f, err := os.Open(shared.Path("cifar10/images.tar.gz"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	gz, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	classes := []string{"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"}
	byClass := map[string][][]float32{} // by split and class
	const enough = 40                   // of each class
	for r := tar.NewReader(gz); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		part := strings.Split(h.Name, "/") // split/class/NNNN.jpg, sorted
		key := part[0] + "/" + part[1]
		if len(byClass[key]) == enough {
			continue
		}
		m, err := jpeg.Decode(r)
		if err != nil {
			return nil, err
		}
		byClass[key] = append(byClass[key], normalisedPlanes(m.(*image.YCbCr)))
	}
	take := func(split string, labels []byte) (x []float32) {
		next := map[string]int{}
		for _, y := range labels {
			key := split + "/" + classes[y]
			x = append(x, byClass[key][next[key]]...)
			next[key]++
		}
		return x
	}
	return &zooImages{take("train", labels[:zooTrain]), take("test", labels[50000:][:zooTest])}, nil
})

// loadZooImages reads the images, or skips the test where they are missing.
func loadZooImages(t testing.TB) *zooImages {
	t.Helper()
	x, err := readZooImages()
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("no reference data: %v; set ESPALIER_SHARED to the folder that holds cifar10/", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// normalisedPlanes converts an image to normalised red, green and blue planes,
// the colours upsampled by a triangle filter as the copy's own reader does.
func normalisedPlanes(m *image.YCbCr) []float32 {
	mean, std := [3]float32{0.4914, 0.4822, 0.4465}, [3]float32{0.247, 0.2435, 0.2616}
	out := make([]float32, pixels)
	for y := range imageSize {
		for x := range imageSize {
			r, g, b := color.YCbCrToRGB(m.Y[m.YOffset(x, y)], upsampled(m.Cb, m.CStride, x, y), upsampled(m.Cr, m.CStride, x, y))
			for c, v := range []byte{r, g, b} {
				out[(c*imageSize+y)*imageSize+x] = (float32(v)/255 - mean[c]) / std[c]
			}
		}
	}
	return out
}

func upsampled(c []byte, stride, x, y int) byte {
	near := func(v int) (int, int) { return v / 2, min(max(v/2-1+2*(v&1), 0), imageSize/2-1) }
	x0, x1 := near(x)
	y0, y1 := near(y)
	at := func(x, y int) int { return int(c[y*stride+x]) }
	return byte((9*at(x0, y0) + 3*at(x1, y0) + 3*at(x0, y1) + at(x1, y1) + 8) / 16)
}
