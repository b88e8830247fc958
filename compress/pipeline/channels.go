package pipeline

import (
	"cmp"
	"fmt"

	"espalier/compress/prune"
)

// removeChannels makes the network smaller by the round's budget.
func (r *runner) removeChannels(t try) error {
	c := t.Channels
	groups := prune.GroupChannels(r.net)
	scoring := prune.Scoring{Criterion: cmp.Or(c.Criterion, prune.L2), Normalise: cmp.Or(c.Normalise, prune.ByMean), Seed: r.stream("channels", t.number)}
	if scoring.Criterion == prune.Taylor {
		var err error
		if scoring.Gradients, err = r.sumGradients(t); err != nil {
			return err
		}
	}
	scores, err := groups.Scores(scoring)
	if err != nil {
		return err
	}
	limits := prune.Limits{RoundTo: cmp.Or(c.RoundTo, prune.DefaultLimits().RoundTo), Floor: c.Floor, PerLayer: c.PerLayer}
	kept, err := groups.Choose(scores, prune.Budget{Share: c.Share, MACs: c.MACs, Parameters: c.Parameters}, limits)
	if err != nil {
		return err
	}
	small, err := groups.Slice(kept)
	if err != nil {
		return fmt.Errorf("remove channels: %w", err)
	}
	s := Sliced{
		Round: t.number, MACsBefore: r.net.MACs(), ParametersBefore: r.net.ParameterCount(),
		MACs: small.MACs(), Parameters: small.ParameterCount(), Weights: small.Weights(), Layers: layersOf(small),
	}
	for i, g := range groups.Groups {
		info := GroupInfo{Name: g.Name, Layers: g.Layers(), Before: g.Size, Kept: kept.Counts()[i]}
		for _, tie := range g.Ties {
			info.Ties = append(info.Ties, fmt.Sprintf("%s %s", tie.Node, tie.Why))
		}
		s.Groups = append(s.Groups, info)
	}
	if s.Weights == r.net.Weights() {
		r.log("warn", "round %d removes no channel: with channels rounded to multiples of %d, the budget is met already", t.number, limits.RoundTo)
	}
	r.become(small)
	r.hub.Publish(s)
	return nil
}
