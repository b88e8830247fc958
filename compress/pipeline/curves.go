package pipeline

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"espalier/compress/prune"
	"espalier/configs"
	"espalier/internal/atomicfile"
	"espalier/internal/finite"
	"espalier/model"
	"espalier/model/weights"
)

// sensitivityFile holds what was measured of the layers' sensitivity. A run that
// is interrupted goes on with the points in it.
const sensitivityFile = "sensitivity.json"

// A curvesFile is the content of sensitivityFile.
type curvesFile struct {
	Network string             `json:"network_sha256"` // of the tensors that were measured
	Images  string             `json:"images_sha256"`
	Points  []SensitivityPoint `json:"points"`
}

// curves measures the layers' sensitivity on the dense network.
func (r *runner) curves() error {
	behind := r.past.rounds > 0 || r.past.qat > 0 || r.past.step != nil && r.past.step.stage != StageDense
	if len(r.e.Sensitivity.Of) == 0 || behind {
		return nil
	}
	defer r.begin(StageSensitivity, 0, "")()
	part := r.choicePart()
	split, err := r.data.Part(part)
	if err != nil {
		return err
	}
	file := curvesFile{Network: weights.Hash(weights.FromNetwork(r.net)), Images: r.hub.State().Data.Hash}
	known := r.knownPoints(file)
	net := r.net.Clone()
	probe := r.newProbe(net, split, r.e.Sensitivity.Images)
	wanted := r.wantedPoints(net)
	for i, p := range wanted {
		r.hub.Publish(Progress{
			Stage: StageSensitivity, Done: i, Total: len(wanted), Unit: "points",
			Overall: r.estimate.overall(), Remaining: r.estimate.remaining(),
		})
		p.Split, p.Images = string(part), len(probe.labels)
		if old, ok := known[p.key()]; ok && old.Images == p.Images && old.Split == p.Split {
			p = old
		} else if err := r.measurePoint(probe, net, &p); err != nil {
			return err
		}
		r.hub.Publish(p)
		file.Points = append(file.Points, p)
		if err := r.write(func() error { return file.save(r.folder.Path(sensitivityFile)) }); err != nil {
			return err
		}
	}
	r.saidSaved("sensitivity", sensitivityFile)
	return nil
}

// key names what was measured.
func (p SensitivityPoint) key() string { return fmt.Sprintf("%s %s %g", p.Of, p.Layer, p.Level) }

// wantedPoints lists what is to be measured; the first is the network as it is.
func (r *runner) wantedPoints(n *model.Graph) []SensitivityPoint {
	s := r.e.Sensitivity
	points := []SensitivityPoint{{}}
	for _, of := range s.Of {
		levels := s.Shares
		if of == configs.OfBits {
			levels = nil
			for _, b := range s.Bits {
				levels = append(levels, float64(b))
			}
		}
		for _, l := range n.Layers() {
			for _, level := range levels {
				points = append(points, SensitivityPoint{Of: of, Layer: l.Name, Level: level})
			}
		}
	}
	return points
}

// measurePoint evaluates the network with one layer made worse, and mends it.
func (r *runner) measurePoint(probe *probe, n *model.Graph, p *SensitivityPoint) error {
	if p.Layer != "" {
		l, own := n.Node(p.Layer), r.net.Node(p.Layer).Weight
		if err := worsen(l, *p); err != nil {
			return err
		}
		defer copy(l.Weight, own)
	}
	t, err := probe.measure()
	p.Loss, p.Top1 = finite.OrNull(t.Loss()), t.Top1()
	return err
}

// worsen takes from a layer what a point says.
func worsen(l *model.Node, p SensitivityPoint) error {
	var zero []int
	switch p.Of {
	case configs.OfBits:
		roundTo(l, int(p.Level))
	case configs.OfChannels:
		zero = prune.SmallestChannels(l, p.Level)
	default:
		var err error
		if zero, err = prune.Smallest(l, p.Level); err != nil {
			return err
		}
	}
	for _, i := range zero {
		l.Weight[i] = 0
	}
	return nil
}

// roundTo rounds a layer's weights to integers of so many bits, symmetric about
// zero, half to even, with one scale for each output channel.
func roundTo(l *model.Node, bits int) {
	most, fan := math.Exp2(float64(bits-1))-1, l.Fan()
	for o := range l.Out() {
		channel := l.Weight[o*fan : (o+1)*fan]
		largest := 0.0
		for _, w := range channel {
			largest = max(largest, math.Abs(float64(w)))
		}
		if largest == 0 {
			continue
		}
		scale := largest / most
		for i, w := range channel {
			channel[i] = float32(math.RoundToEven(float64(w)/scale) * scale)
		}
	}
}

// knownPoints returns the points that were measured before on the same network
// and images.
func (r *runner) knownPoints(now curvesFile) map[string]SensitivityPoint {
	var file curvesFile
	text, err := os.ReadFile(r.folder.Path(sensitivityFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(text, &file)
	}
	if err != nil {
		r.log("warn", "%s is measured anew: %s", sensitivityFile, err)
		return nil
	}
	if file.Network != now.Network || file.Images != now.Images {
		return nil
	}
	known := make(map[string]SensitivityPoint)
	for _, p := range file.Points {
		known[p.key()] = p
	}
	return known
}

func (f curvesFile) save(path string) error {
	text, err := json.MarshalIndent(f, "", "\t")
	if err != nil {
		return err
	}
	return atomicfile.Write(path, func(w io.Writer) error {
		_, err := w.Write(append(text, '\n'))
		return err
	})
}

// sensitivityCurves returns the rise in loss by layer, as it was measured when
// weights became zero.
func (r *runner) sensitivityCurves() map[string]prune.Curve {
	curves := make(map[string]prune.Curve)
	whole := math.NaN()
	for _, p := range r.hub.State().Curves {
		switch {
		case p.Layer == "":
			whole = float64(p.Loss)
		case p.Of == configs.OfWeights:
			curves[p.Layer] = append(curves[p.Layer], prune.CurvePoint{Share: p.Level, Rise: float64(p.Loss) - whole})
		}
	}
	return curves
}
