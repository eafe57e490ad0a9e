package dimse

// WithDefaults gives the times in force, with the defaults where none are said.
func (t Timeouts) WithDefaults() Timeouts { return t.withDefaults() }
