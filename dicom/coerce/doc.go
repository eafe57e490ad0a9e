// Package coerce changes attributes of SOP Instances by declarative rules and
// writes down what they were before (Original Attributes Sequence, PS3.3 C.12.1.1.9.1).
//
// Rules are compiled once: what they may not touch (identity, encoding, description of the pixels) and values that
// an attribute cannot hold are errors then, not when the first object comes. Values are
// UTF-8; a data set in another character set is converted when a rule puts text into it that
// goes beyond ASCII.
package coerce
