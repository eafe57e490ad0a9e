package config

// Lab says how laboratory results are read.
type Lab struct {
	Maps []string `yaml:"maps"` // CSV files that translate senders' codes to LOINC and their units to UCUM; the first that knows one decides
}

func (c *Config) checkLab() error {
	for i, m := range c.Lab.Maps {
		if m == "" {
			return wrong("lab.maps", "entry %d names no file", i+1)
		}
	}
	return nil
}
