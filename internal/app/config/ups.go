package config

import "time"

// UPS bounds the worklist of Unified Procedure Steps (UPS-RS).
type UPS struct {
	Label       string   `yaml:"label"`       // Worklist Label of workitems that have none; empty: the AE title
	Items       int      `yaml:"items"`       // workitems of one facility that are made by UPS-RS
	Subscribers int      `yaml:"subscribers"` // AEs of one facility
	Waiting     int      `yaml:"waiting"`     // event reports that are kept for an AE without an open channel; the oldest go
	Channels    int      `yaml:"channels"`    // event channels open at once
	Keep        Duration `yaml:"keep"`        // workitems that are COMPLETED or CANCELED are deleted after it; 0: never
}

func defaultUPS() UPS {
	return UPS{Items: 200_000, Subscribers: 200, Waiting: 10_000, Channels: 256, Keep: Duration(30 * 24 * time.Hour)}
}

// checkUPS refuses bounds that nothing would fit into.
func (c *Config) checkUPS() error {
	u := &c.UPS
	for _, n := range []struct {
		key          string
		value, limit int
	}{{"items", u.Items, 1_000_000}, {"subscribers", u.Subscribers, 10_000}, {"waiting", u.Waiting, 1_000_000}, {"channels", u.Channels, 10_000}} {
		if n.value < 1 || n.value > n.limit {
			return wrong("ups."+n.key, "1 to %d", n.limit)
		}
	}
	if len(u.Label) > 64 {
		return wrong("ups.label", "at most 64 characters")
	}
	if u.Keep < 0 {
		return wrong("ups.keep", "not negative; 0 keeps workitems for ever")
	}
	return nil
}
