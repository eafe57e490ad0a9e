package lab

import (
	"bytes"
	"mime"
	"strings"
)

// octets is the media type of bytes about which nothing is known.
const octets = "application/octet-stream"

// subtypes maps ED.3 and RP.4 (table 0291, and what senders write there) to media types.
var subtypes = map[string]string{
	"pdf": "application/pdf", "x-pdf": "application/pdf", "jpeg": "image/jpeg", "jpg": "image/jpeg", "pjpeg": "image/jpeg", "png": "image/png",
	"gif": "image/gif", "tiff": "image/tiff", "tif": "image/tiff", "bmp": "image/bmp", "dicom": "application/dicom", "dcm": "application/dicom",
	"rtf": "application/rtf", "html": "text/html", "htm": "text/html", "xml": "application/xml", "x-hl7-cda-level-one": "application/xml",
	"cda": "application/xml", "sgml": "text/sgml", "postscript": "application/postscript", "plain": "text/plain", "txt": "text/plain",
	"text": "text/plain", "basic": "audio/basic", "pict": "image/x-pict", "fax": "image/g3fax", "svg": "image/svg+xml",
	"msword": "application/msword", "json": "application/json", "octet-stream": octets,
}

// types maps ED.2 and RP.3 (tables 0191 and 0834) to the first half of a media type.
var types = map[string]string{
	"application": "application", "ap": "application", "audio": "audio", "au": "audio", "image": "image", "im": "image", "text": "text",
	"tx": "text", "ft": "text", "video": "video", "multipart": "multipart", "ns": "image", "sd": "image", "si": "image", "model": "model",
}

// mediaType makes a media type of what ED and RP say of their data; octets if they say nothing useful.
func mediaType(typ, subtype string) string {
	typ, subtype = strings.ToLower(strings.TrimSpace(typ)), strings.ToLower(strings.TrimSpace(subtype))
	if t, ok := subtypes[subtype]; ok && t != octets {
		return t
	}
	for _, whole := range []string{subtype, typ} { // a media type in one component
		if t, _, err := mime.ParseMediaType(whole); err == nil && strings.Count(t, "/") == 1 {
			return t
		}
	}
	if t, ok := subtypes[typ]; ok && subtype == "" && t != octets { // "PDF" as the type
		return t
	}
	if first, ok := types[typ]; ok && subtype != "" && subtype != "octet-stream" {
		if t, _, err := mime.ParseMediaType(first + "/" + subtype); err == nil {
			return t
		}
	}
	return octets
}

// magic is how files of some types begin.
var magic = []struct {
	at    int
	bytes string
	media string
}{
	{0, "%PDF-", "application/pdf"},
	{0, "\xff\xd8\xff", "image/jpeg"},
	{0, "\x89PNG\r\n\x1a\n", "image/png"},
	{0, "GIF8", "image/gif"},
	{0, "II*\x00", "image/tiff"},
	{0, "MM\x00*", "image/tiff"},
	{0, "{\\rtf", "application/rtf"},
	{128, "DICM", "application/dicom"},
	{0, "%!PS", "application/postscript"},
}

// magicLength is how much of a file sniff looks at, in bytes.
const magicLength = 132

// sniff tells a media type from a file's first bytes; empty if they are of no kind that is known here. A PDF may have junk before it.
func sniff(head []byte) string {
	for _, m := range magic {
		if len(head) >= m.at && bytes.HasPrefix(head[m.at:], []byte(m.bytes)) {
			return m.media
		}
	}
	if bytes.Contains(head, []byte("%PDF-")) {
		return "application/pdf"
	}
	return ""
}
