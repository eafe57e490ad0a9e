// Package disk keeps blobs and the journal in a folder of the local file
// system. It implements storage.Blobs, storage.Journal and storage.Log.
//
//	<dir>/journal/NNNNNNNN.seg   ordered records (all kinds but blobs), written by the committer
//	<dir>/bulk/NNNNNNNN.seg      blobs up to about 1 MiB, written by whoever received them
//	<dir>/blobs/ab/<hex>         larger blobs, a file each, named by their SHA-256
//	<dir>/tmp                    larger blobs while they arrive; emptied at Open
//	<dir>/lock                   held while the folder is open
//	<dir>/reserve                space given up when the disk is full, so that decisions can still be recorded
//
// Journal and bulk segments share one sequence of numbers. A record is a header
// of 96 bytes (see header) and its payload; journal records start at multiples of 64 bytes, bulk
// records at multiples of 4096.
//
// What makes an answer durable, in this order: the blob's bytes are written;
// the group's records are written; both segments are fdatasynced (a new file's
// folder was fsynced when the file was made); the index commits together with
// the segments' synced lengths; the answer goes out.
package disk
