// Package transform changes HL7v2 messages by rules: values are set, copied, looked up in tables, replaced and removed, segments
// added and removed. What a rule does not name stays as it was, to the byte. A change costs the segment that it is in, so that
// large messages take linear time. It knows nothing of files and configuration; the texts of rules are parsed by whoever reads them.
package transform
