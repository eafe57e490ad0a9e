// Package dimse is the DICOM Message Service Element (PS3.7): messages of a
// Command Set and perhaps a Data Set over an Association, as SCU and as SCP.
// It carries Data Sets without knowing what they are.
//
// One Association type serves both sides. A Mux says which SOP Classes this end
// serves; Server accepts Associations and Dial requests them; either may send
// requests with Call and, while it waits, serve those of its peer (the C-STORE
// sub-operations of C-GET, N-EVENT-REPORT).
//
// Negotiation beyond Presentation Contexts: the Asynchronous Operations Window (Server.AsyncOperations, Offer.Concurrent and Association.Go;
// window.go and operations.go), roles and SOP Class (Common) Extended Negotiation (negotiate.go), User Identity (Server.Policy,
// Admission). A Server behind a TLS listener tells its Policy what the peer's certificate says.
//
// What a peer can cost is bounded: by ARTIM before there is an Association, by numbers of connections and Associations, by time-outs
// after that. An idle Association holds one goroutine and about 16 KiB, over TLS 70 KiB.
package dimse
