// Package scu is the requesting side of DIMSE behind `halong echo` and
// `halong send`: it verifies that a peer answers, and sends files to it in the
// transfer syntaxes they have, byte for byte.
package scu
