// Package multipart reads and writes multipart/related bodies (RFC 2046 5.1,
// RFC 2387) as DICOMweb uses them (PS3.18 8.6.1.2): a stream of parts of any
// size, in bounded memory and linear time. It accepts what real clients send
// (bare LF, folded or oddly cased headers, preamble, epilogue, quoted or
// unquoted parameters) and writes only what the RFCs allow. It knows nothing of
// the product.
//
// The standard library's mime/multipart is not used for reading: it refuses
// unquoted "type=application/dicom", hides Content-Transfer-Encoding, and after a
// malformed header cannot go on to the next part.
package multipart
