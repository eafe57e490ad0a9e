// Package dicomweb serves the studies of an archive over HTTP as PS3.18 says:
// STOW-RS (10.5), QIDO-RS (10.6) and WADO-RS (10.4). It translates between the
// protocol and the archive and decides nothing else. Everything is streamed: an
// answer holds one object at a time, a request one part.
//
// Begin reading with Register; accept.go says what is answered to which Accept,
// status.go has the one map from halong.Kind to HTTP status and STOW failure reason.
package dicomweb
