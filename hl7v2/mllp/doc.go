// Package mllp carries messages over TCP in the HL7 Minimal Lower Layer
// Protocol (HL7 Implementation Guide, appendix C; transport specification
// MLLP release 1): each message stands between a start block (VT, 0x0B) and an end
// block (FS CR, 0x1C 0x0D). It knows nothing of what a message says. What
// cannot be framed is handed on as it came, never dropped.
package mllp
