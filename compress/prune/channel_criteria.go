package prune

import (
	"cmp"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"espalier/internal/finite"
	"espalier/model"
)

// Criteria for channels. Each gives every channel of a group a score; channels
// with the smallest scores are removed first.
const (
	L1      = "l1"       // Σ|w| of the channel's weights (Li et al. 2017)
	L2      = "l2"       // Σw²
	BNScale = "bn-scale" // |γ| of its batch norms (Liu et al. 2017)
	Taylor  = "taylor"   // Σ|w·g|, the first-order change of the loss (Molchanov et al. 2019)
	FPGM    = "fpgm"     // the distances of its weights to those of all others (He et al. 2019)
	LAMP    = "lamp"     // Σw² over that of all channels with at least as much (Lee et al. 2021)
	Random  = "random"
)

// ChannelCriteria lists the criteria's names.
func ChannelCriteria() []string { return []string{L1, L2, BNScale, Taylor, FPGM, LAMP, Random} }

// Normalisations of a group's scores, which make groups comparable.
const (
	ByMean = "mean" // divided by the group's mean
	ByMax  = "max"  // divided by the group's largest
	None   = "none"
)

// Normalisations lists their names.
func Normalisations() []string { return []string{ByMean, ByMax, None} }

// A Scoring says how channels are scored.
type Scoring struct {
	Criterion string // one of ChannelCriteria
	Normalise string // one of Normalisations; LAMP and Random do not need and do not use it
	Seed      uint64 // of Random
	// Gradients are those of the weights, as Gradients returns them; only Taylor
	// reads them.
	Gradients []model.Tensor
}

// Scores returns a score for each channel of each group: the mean of the
// criterion over the group's members, as Torch-Pruning reduces groups. A group
// without a member that the criterion uses has no scores (nil) and is not
// pruned, for example a group without batch norm under BNScale.
//
// Depthwise weights count for the channel that they filter. Batch norm's γ counts
// as a weight, but not for FPGM.
func (c *Channels) Scores(s Scoring) ([][]float64, error) {
	if !slices.Contains(ChannelCriteria(), s.Criterion) {
		return nil, fmt.Errorf("there is no criterion %q for channels: choose one of %s", s.Criterion, strings.Join(ChannelCriteria(), ", "))
	}
	if !slices.Contains(Normalisations(), s.Normalise) {
		return nil, fmt.Errorf("there is no normalisation %q of scores: choose one of %s", s.Normalise, strings.Join(Normalisations(), ", "))
	}
	gradients := map[string][]float32{}
	for _, t := range s.Gradients {
		gradients[t.Name] = t.Data
	}
	all := make([][]float64, len(c.Groups))
	some := false
	for i, g := range c.Groups {
		scores, err := g.scores(s, gradients, i)
		if err != nil {
			return nil, err
		}
		all[i], some = scores, some || scores != nil
	}
	if !some && len(c.Groups) > 0 {
		return nil, fmt.Errorf("%s has no batch norm for the criterion %s: choose another criterion", c.Graph.Name, s.Criterion)
	}
	return all, nil
}

// scores returns the scores of one group, or nil.
func (g *Group) scores(s Scoring, gradients map[string][]float32, index int) ([]float64, error) {
	if s.Criterion == Random {
		random := rand.New(rand.NewPCG(s.Seed, uint64(index)))
		scores := make([]float64, g.Size)
		for i := range scores {
			scores[i] = random.Float64()
		}
		return scores, nil
	}
	total, members := make([]float64, g.Size), 0
	for _, m := range g.Members {
		if i := finite.First(m.Node.Weight); i >= 0 {
			return nil, fmt.Errorf("scoring the channels of %s: weight %d is not finite; training diverged, so start from an earlier checkpoint or lower the learning rate", m.Node.Name, i)
		}
		own, err := m.score(s.Criterion, gradients)
		if err != nil {
			return nil, err
		}
		for i, v := range own {
			total[i] += v
		}
		if own != nil {
			members++
		}
	}
	if members == 0 {
		return nil, nil
	}
	for i := range total {
		total[i] /= float64(members)
	}
	if s.Criterion == LAMP {
		return lampOf(total), nil
	}
	normalise(total, s.Normalise)
	return total, nil
}

// score returns the criterion of each channel's weights in a member, or nil if
// it does not use the member.
func (m Member) score(criterion string, gradients map[string][]float32) ([]float64, error) {
	w := m.Node.Weight
	var of func(i int) float64
	switch criterion {
	case L1:
		of = func(i int) float64 { return math.Abs(float64(w[i])) }
	case L2, LAMP:
		of = func(i int) float64 { return float64(w[i]) * float64(w[i]) }
	case BNScale:
		if m.Node.IsLayer() {
			return nil, nil
		}
		of = func(i int) float64 { return math.Abs(float64(w[i])) }
	case Taylor:
		g := gradients[m.Node.Name+".weight"]
		if len(g) != len(w) {
			return nil, fmt.Errorf("the criterion %s needs gradients of %s; give images to compute them on", Taylor, m.Node.Name)
		}
		of = func(i int) float64 { return math.Abs(float64(w[i]) * float64(g[i])) }
	case FPGM:
		if !m.Node.IsLayer() {
			return nil, nil
		}
		return m.distances(), nil
	}
	scores := make([]float64, len(m.Index))
	for ch := range scores {
		for i := range m.Weights(ch) {
			scores[ch] += of(i)
		}
	}
	return scores, nil
}

// Weights yields the indices of a channel's weights in the member's weight.
func (m Member) Weights(channel int) iter.Seq[int] {
	return func(yield func(int) bool) {
		n := m.Node
		for _, at := range m.Index[channel] {
			fan, first, rows, offset, block := 1, at, 1, 0, 1 // of batch norm
			if n.IsLayer() {
				fan = n.Fan()
				block = fan
			}
			if m.Side == In {
				groups := 1
				if op, ok := n.Op.(model.Conv); ok {
					groups = op.Groups
				}
				wide := n.In() / groups
				block, rows = fan/wide, n.Out()/groups
				first, offset = at/wide*rows, at%wide*block
			}
			for r := first; r < first+rows; r++ {
				for i := range block {
					if !yield(r*fan + offset + i) {
						return
					}
				}
			}
		}
	}
}

// distances returns the sum of the Euclidean distances between a channel's
// weights and those of every other channel: small near the geometric median,
// where others can replace it.
func (m Member) distances() []float64 {
	vectors := make([][]float64, len(m.Index))
	for ch := range vectors {
		for i := range m.Weights(ch) {
			vectors[ch] = append(vectors[ch], float64(m.Node.Weight[i]))
		}
	}
	sums := make([]float64, len(vectors))
	for i, a := range vectors {
		for j, b := range vectors[:i] {
			square := 0.0
			for k, v := range a {
				square += (v - b[k]) * (v - b[k])
			}
			d := math.Sqrt(square)
			sums[i] += d
			sums[j] += d
		}
	}
	return sums
}

// lampOf divides each score by the sum of itself and all that are larger, as the
// weights' scores of Lee et al. 2021 (arXiv 2010.07611, equation 2). The largest
// becomes 1, in every group.
func lampOf(scores []float64) []float64 {
	order := make([]int, len(scores))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(scores[b], scores[a]) })
	out, sum := make([]float64, len(scores)), 0.0
	for _, i := range order {
		if sum += scores[i]; sum > 0 {
			out[i] = scores[i] / sum
		}
	}
	return out
}

// normalise divides scores by their mean or their largest.
func normalise(scores []float64, how string) {
	by := 0.0
	switch how {
	case ByMean:
		for _, s := range scores {
			by += s / float64(len(scores))
		}
	case ByMax:
		by = slices.Max(scores)
	}
	if by > 0 {
		for i := range scores {
			scores[i] /= by
		}
	}
}

// Gradients returns the gradients of the loss by every parameter, summed over
// batches of at most batch images, under the names of the network's Parameters.
// The network stays as it is.
func Gradients(g *model.Graph, e *model.Engine, batch int, batches iter.Seq2[[]float32, []uint16]) ([]model.Tensor, error) {
	// With a momentum of 1 and no learning rate, the velocity is the sum.
	t, err := model.NewTrainer(g.Clone(), e, batch, model.SGD{Momentum: 1})
	if err != nil {
		return nil, fmt.Errorf("gradients of %s: %w", g.Name, err)
	}
	for x, labels := range batches {
		if loss, _ := t.Step(x, labels, 0); !finite.Is(loss) {
			return nil, fmt.Errorf("gradients of %s: the loss is %v; start from an earlier checkpoint", g.Name, loss)
		}
	}
	return t.Velocity(), nil
}
