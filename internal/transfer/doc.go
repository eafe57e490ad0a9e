// Package transfer moves objects between the archive and files: import of
// folders, zip files and DICOM media with a DICOMDIR (PS3.10), export as Part
// 10 files or exactly as received. Names of files that are written come from
// UIDs and digests alone, never from what a peer sent as text.
package transfer
