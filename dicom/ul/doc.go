// Package ul is the DICOM Upper Layer protocol for TCP/IP (PS3.8 9): one end of
// an Association, driven by the state machine of PS3.8 9.2. The machine is
// written so that it can be laid beside the standard: states.go holds tables
// 9-1 to 9-5, table.go holds table 9-10, actions.go tables 9-6 to 9-9.
//
// An Association is used by one goroutine at a time; only Interrupt and Send may be
// called from others. No goroutine is started and no buffer of the size of a
// PDU is held: fragments are read from the connection into the caller's memory.
package ul
