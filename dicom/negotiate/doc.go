// Package negotiate chooses Presentation Contexts for sending stored SOP
// Instances (PS3.8 9.3.2, PS3.5 10): the Transfer Syntax an object is stored in where the peer takes it, else one that it
// can be converted to without loss. It is used by whoever sends: C-MOVE, C-GET, forwarding.
package negotiate
