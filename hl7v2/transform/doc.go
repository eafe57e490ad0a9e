// Package transform changes HL7v2 messages by rules: values are set, copied, looked up in tables, replaced and removed, segments
// added and removed. What a rule does not name stays as it was, to the byte. A change costs the segment that it is in, so that
// large messages take linear time.
//
// Where a component is named, values are text: delimiters in them are escaped. Where none is, values are encoded, with the standard
// delimiters whatever the message's are: a field can be set to "ORU^R01^ORU_R01", and a pattern sees "GLU^Glucose^L".
//
// The package knows nothing of files and configuration: texts of rules are parsed by whoever reads them.
package transform
