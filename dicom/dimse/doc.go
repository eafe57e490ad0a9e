// Package dimse is the DICOM Message Service Element (PS3.7): messages of a
// Command Set and perhaps a Data Set over an Association, as SCU and as SCP.
// It carries Data Sets without knowing what they are.
//
// One Association type serves both sides. A Mux says which SOP Classes this end
// serves; Server accepts Associations and Dial requests them; either may send
// requests with Call and, while it waits, serve those of its peer (the C-STORE
// sub-operations of C-GET, N-EVENT-REPORT).
package dimse
