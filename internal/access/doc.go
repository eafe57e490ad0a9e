// Package access says who a peer is and what it may see: bearer tokens and
// client certificates on HTTP, allow-lists of Application Entities and addresses
// on DICOM and MLLP. It decides; the edges carry the decision out in their
// protocol's own words.
package access
