package worklist

// ParseRecord tells whether a journal record can be read.
func ParseRecord(b []byte) error { _, err := parseRecord(b); return err }
