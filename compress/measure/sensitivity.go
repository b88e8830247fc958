package measure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"espalier/compress/prune"
	"espalier/dataset"
	"espalier/internal/atomicfile"
	"espalier/internal/finite"
	"espalier/model"
	"espalier/model/weights"
)

// A Sensitivity tells what a network loses when one group of channels loses a
// share, and nothing else changes. It is what a file keeps, so that a search that
// was interrupted goes on.
type Sensitivity struct {
	Network   string             `json:"network"` // hash of its weights
	Criterion string             `json:"criterion"`
	Images    int                `json:"images"` // validation images
	Dense     Point              `json:"dense"`
	Shares    []float64          `json:"shares"` // removed
	Groups    []GroupSensitivity `json:"groups"`
}

// A GroupSensitivity has a point for each share.
type GroupSensitivity struct {
	Name     string  `json:"name"`
	Channels int     `json:"channels"`
	Points   []Point `json:"points"`
}

// A Point is one measurement.
type Point struct {
	Top1 float64       `json:"top1"` // share of images classified right
	Loss finite.OrNull `json:"loss"` // mean cross-entropy, in nats
}

// Sensitivity measures every group at every share, on the first limit validation
// images (0: all), with batch norm's statistics as they are. What the file at path
// holds of the same network, criterion and images is not measured again. The file is
// written after every group; an empty path keeps none.
func (f *File) Sensitivity(ctx context.Context, e *model.Engine, images *dataset.Data, p Pruning, shares []float64, limit int, path string, say func(string)) (Sensitivity, error) {
	if f.Float == nil {
		return Sensitivity{}, fmt.Errorf("%s is quantized; measure the file that it was made from", f.Path)
	}
	for _, s := range shares {
		if !(s > 0 && s < 1) {
			return Sensitivity{}, fmt.Errorf("measuring without %v of a group: want shares above 0 and below 1", s)
		}
	}
	images, err := f.Normalise(images)
	if err != nil {
		return Sensitivity{}, err
	}
	n := images.Validation.Len()
	if limit > 0 {
		n = min(n, limit)
	}
	if n == 0 {
		return Sensitivity{}, fmt.Errorf("%s has no validation images; give a data set with more training images", images.Name)
	}
	c := prune.GroupChannels(f.Float)
	scores, err := f.scores(ctx, e, c, images, p, say)
	if err != nil {
		return Sensitivity{}, err
	}
	want := Sensitivity{Network: weights.Hash(weights.FromNetwork(f.Float)), Criterion: p.Criterion, Images: n, Shares: shares}
	s, err := readSensitivity(path, want)
	if err != nil {
		return s, err
	}
	at := func(g *model.Graph) (Point, error) {
		tally, err := (&File{Path: f.Path, Float: g}).Tally(ctx, e, images, images.Validation.First(n))
		return Point{tally.Top1(), finite.OrNull(tally.Loss())}, err
	}
	if s.Dense == (Point{}) {
		say("the dense network")
		if s.Dense, err = at(f.Float); err != nil {
			return s, err
		}
	}
	for i := len(s.Groups); i < len(c.Groups); i++ {
		say(fmt.Sprintf("group %d of %d, %s", i+1, len(c.Groups), c.Groups[i].Name))
		row := GroupSensitivity{Name: c.Groups[i].Name, Channels: c.Groups[i].Size}
		for _, share := range shares {
			g, err := c.Slice(c.Without(scores, i, share))
			if err != nil {
				return s, err
			}
			point, err := at(g)
			if err != nil {
				return s, err
			}
			row.Points = append(row.Points, point)
		}
		s.Groups = append(s.Groups, row)
		if path != "" {
			if err := s.save(path); err != nil {
				return s, err
			}
		}
	}
	return s, nil
}

// readSensitivity returns what the file holds of the wanted measurement, or that
// measurement with nothing measured yet.
func readSensitivity(path string, want Sensitivity) (Sensitivity, error) {
	if path == "" {
		return want, nil
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return want, nil
	}
	if err != nil {
		return want, fmt.Errorf("reading the sensitivity: %w", err)
	}
	var have Sensitivity
	if err := json.Unmarshal(text, &have); err != nil {
		return want, fmt.Errorf("reading the sensitivity %s: %w; name another file", path, err)
	}
	if have.Network != want.Network || have.Criterion != want.Criterion || have.Images != want.Images || !slices.Equal(have.Shares, want.Shares) {
		return want, fmt.Errorf("%s holds another measurement: of another network, criterion, shares or images; name another file", path)
	}
	return have, nil
}

func (s Sensitivity) save(path string) error {
	return atomicfile.Write(path, func(w io.Writer) error { return json.NewEncoder(w).Encode(s) })
}
