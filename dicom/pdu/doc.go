// Package pdu encodes and decodes the protocol data units of the DICOM Upper
// Layer (PS3.8 9.3) with every user information item of PS3.8 D.1 and PS3.7
// D.3.3. It does no input or output besides reading one header; what the units
// mean for an association is told by package ul.
//
// All numbers are big endian. Lengths are in bytes.
package pdu
