package charset

import "unicode/utf8"

// appendUTF8 appends raw with each byte that is not UTF-8 replaced by U+FFFD.
func appendUTF8(dst, raw []byte) []byte {
	for len(raw) > 0 {
		r, n := utf8.DecodeRune(raw)
		dst = utf8.AppendRune(dst, r)
		raw = raw[n:]
	}
	return dst
}

// appendGB appends GB 18030 or GBK text as UTF-8.
func (d *Decoder) appendGB(dst, raw []byte) []byte {
	dec := gb18030
	if d.scheme == gbkScheme {
		dec = gbk
	}
	for len(raw) > 0 {
		n := d.gbWidth(raw)
		if n == 1 && raw[0] < 0x80 {
			dst = append(dst, raw[0])
		} else {
			dst = transformInto(dst, dec, raw[:n])
		}
		raw = raw[n:]
	}
	return dst
}

// gbWidth tells how many bytes the first character of b has: in two-byte
// characters the second byte may look like a backslash or "^" (PS3.5 6.1.2.4).
func (d *Decoder) gbWidth(b []byte) int {
	if b[0] < 0x81 || b[0] == 0xff || len(b) < 2 {
		return 1
	}
	switch c := b[1]; {
	case c >= 0x40 && c != 0x7f && c != 0xff:
		return 2
	case d.scheme == gb18030Scheme && len(b) >= 4 && digit(c) && b[2] >= 0x81 && b[2] != 0xff && digit(b[3]):
		return 4
	}
	return 1
}

func digit(c byte) bool { return c >= '0' && c <= '9' }
