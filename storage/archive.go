package storage

import (
	"io"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
)

// Inbound is one object as it arrives.
type Inbound struct {
	Facility halong.Facility
	Source   halong.Source
	// Part10 tells that Body begins with preamble and File Meta Information (or
	// should: files without either are recognised). Else Body is a bare data set in TransferSyntax.
	Part10         bool
	TransferSyntax dicom.UID
	// SOPClass and SOPInstance are what the C-STORE command claims, Study what the
	// STOW-RS URL claims; empty claims are not compared.
	SOPClass    dicom.UID
	SOPInstance dicom.UID
	Study       dicom.UID
	Size        int64 // expected length of Body in bytes, 0 if unknown; a hint
	Body        io.Reader
}

// Receipt tells what was stored.
type Receipt struct {
	Identity
	SOPClass   dicom.UID
	Outcome    Outcome
	Digest     halong.Digest
	Version    int
	Quarantine uint64 // entry number when Outcome is Quarantined
}
