// Package dataset reads and writes DICOM data sets (PS3.5 7 and annex A) and
// the header of DICOM files (PS3.10 7.1).
//
// A Reader turns a stream into tokens: elements, sequences, items, fragments,
// each with its offset. It is lazy (values are read only when asked for),
// bounded (by Limits, never by a claimed length), works without recursion, and
// passes every byte it consumes to a tee, so that a caller can keep the bytes
// while it looks at them once. A Set holds a data set in memory. Transcode
// rewrites a stream among the native transfer syntaxes. A FrameTable says where
// each frame of Pixel Data lies.
package dataset
