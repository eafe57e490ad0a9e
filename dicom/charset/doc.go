// Package charset turns text as DICOM encodes it into UTF-8: the single-byte
// repertoires of ISO 8859, JIS X 0201 and TIS 620, code extensions by ISO 2022
// escape sequences (JIS X 0208, JIS X 0212, KS X 1001, GB 2312), GB 18030, GBK and
// UTF-8, as PS3.3 C.12.1.1.2 and PS3.5 6.1.2 say.
//
// Decoding never fails. Bytes that the declared repertoire does not have come
// out as what they most probably are, or as U+FFFD; the result is always valid
// UTF-8. It is not normalised: NFC stays NFC and NFD stays NFD.
package charset
