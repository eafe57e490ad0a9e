// Package scp is the DIMSE edge: it serves Verification, Storage, Query/Retrieve and
// Storage Commitment (PS3.4 A, B, C and J) over dicom/dimse, hands what arrives to the archive, and turns the
// archive's errors into statuses. Who may associate, and whose what he sends
// is, is decided here by AE title and address.
package scp
