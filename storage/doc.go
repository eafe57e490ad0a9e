// Package storage is the archive: what may be stored, found and given back. It
// takes SOP Instances and messages, keeps their bytes in a content-addressed
// blob store, their facts in a journal from which everything can be rebuilt,
// and their attributes in an index. The interfaces it needs (Blobs, Journal,
// Log, Index) are declared here and implemented by the adapters storage/disk
// and storage/sqlite.
package storage
