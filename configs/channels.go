package configs

import "fmt"

// Channels removes whole channels: the network gets smaller and faster. One of the
// first three says how much goes, a share above 0 and below 1 of what there is.
type Channels struct {
	Share      float64 `yaml:"share,omitempty"`      // of the channels that can go
	MACs       float64 `yaml:"macs,omitempty"`       // of an image's multiply-adds
	Parameters float64 `yaml:"parameters,omitempty"` // of the trained values

	Criterion string `yaml:"criterion,omitempty"` // one of ChannelCriteria; empty is l2
	Normalise string `yaml:"normalise,omitempty"` // scores of a group by its mean, max or none; empty is mean
	// RoundTo is what the number of channels that stay is a multiple of; 0 means 16,
	// as kernels like, and 1 any.
	RoundTo int `yaml:"round_to,omitempty"`
	// Floor is the share of every group's channels that stays in any case.
	Floor float64 `yaml:"floor"`
	// PerLayer keeps the same share of every group; otherwise all are ranked together.
	PerLayer bool `yaml:"per_layer,omitempty"`
}

// ChannelCriteria returns the names of what can rank channels.
func ChannelCriteria() []string {
	return []string{"l1", "l2", "bn-scale", "taylor", "fpgm", "lamp", "random"}
}

// channelFloor is that of prune.DefaultLimits.
const channelFloor = 0.1

func (c *Channels) complete(places map[string]string, key string) {
	if places[key+".floor"] == "" {
		c.Floor = channelFloor
	}
}

// budget returns the share that goes, of what, and where it is kept.
func (c *Channels) budget() (share *float64, of string) {
	switch {
	case c.MACs != 0:
		return &c.MACs, "multiply-adds"
	case c.Parameters != 0:
		return &c.Parameters, "parameters"
	}
	return &c.Share, "channels"
}

// String tells the removal in words, as "channels for 30 % of the multiply-adds by
// taylor".
func (c Channels) String() string {
	share, of := c.budget()
	text := fmt.Sprintf("channels for %.4g %% of the %s", 100**share, of)
	if of == "channels" {
		text = fmt.Sprintf("%.4g %% of the channels", 100**share)
	}
	if c.Criterion != "" {
		text += " by " + c.Criterion
	}
	return text
}

func (c Channels) check(key string) *ValueError {
	named := 0
	for _, share := range []float64{c.Share, c.MACs, c.Parameters} {
		if share != 0 {
			named++
		}
	}
	share, _ := c.budget()
	switch {
	case named != 1:
		return bad(key, "names %d budgets: give one of share, macs and parameters, as macs: 0.3 for 30 %% fewer multiply-adds", named)
	case !(*share > 0 && *share < 1):
		return bad(key, "has a budget of %v: want the share that goes, above 0 and below 1", *share)
	case !(c.Floor >= 0 && c.Floor < 1):
		return bad(key+".floor", "is %v: want 0 or more and less than 1, as 0.1", c.Floor)
	case c.RoundTo < 0 || c.RoundTo > 1024:
		return bad(key+".round_to", "is %d: want 1 to 1024, as 16", c.RoundTo)
	}
	if c.Criterion != "" {
		if err := oneOf(key+".criterion", c.Criterion, ChannelCriteria()...); err != nil {
			return err
		}
	}
	if c.Normalise != "" {
		return oneOf(key+".normalise", c.Normalise, "mean", "max", "none")
	}
	return nil
}
