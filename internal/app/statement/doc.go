// Package statement writes the DICOM conformance statement (PS3.2) of what a gateway registers and proposes: the registry
// that answers negotiation is read, and the A-ASSOCIATE-RQ PDUs of our own requests are looked at, so that the statement
// says what is so. Only the prose around the tables is written by hand.
package statement
