package dicomweb

import (
	"strings"

	"github.com/halong-gateway/halong/dicom"
)

const (
	mediaDICOM  = "application/dicom"
	mediaOctets = "application/octet-stream"
	mediaJSON   = "application/dicom+json"
	mediaXML    = "application/dicom+xml"
)

// Transfer syntaxes that this package must tell apart.
const (
	encapsulatedUncompressed dicom.UID = "1.2.840.10008.1.2.1.98"
	explicitLE                         = dicom.ExplicitVRLittleEndian
)

// frameMedia gives the media type of one frame compressed in ts (PS3.18 table 8.7.3-5).
func frameMedia(ts dicom.UID) string {
	s := string(ts)
	const jpeg = "1.2.840.10008.1.2.4."
	n, isJPEG := strings.CutPrefix(s, jpeg)
	switch {
	case s == "1.2.840.10008.1.2.5":
		return "image/dicom-rle"
	case s == "1.2.840.10008.1.2.8.1":
		return "application/x-deflate"
	case !isJPEG:
		return mediaOctets
	case len(n) == 2 && (n[0] == '5' || n[0] == '6' || n == "70"):
		return "image/jpeg"
	}
	n, _, _ = strings.Cut(n, ".")
	switch n {
	case "80", "81":
		return "image/jls"
	case "90", "91":
		return "image/jp2"
	case "92", "93":
		return "image/jpx"
	case "100", "101":
		return "video/mpeg"
	case "102", "103", "104", "105", "106":
		return "video/mp4"
	case "107", "108":
		return "video/h265"
	case "110", "111", "112":
		return "image/jxl"
	case "201", "202", "203":
		return "image/jphc"
	}
	return mediaOctets
}

// lossy tells whether ts loses information, or may. Such an object has no
// Explicit VR Little Endian form of its own: PS3.18 8.7.3 then has the stored one
// answered when no transfer syntax is named.
func lossy(ts dicom.UID) bool {
	n, ok := strings.CutPrefix(string(ts), "1.2.840.10008.1.2.4.")
	if !ok {
		return false
	}
	switch n {
	case "57", "58", "65", "66", "70", "80", "90", "92", "110", "201", "202":
		return false
	}
	return true
}

// native tells whether the object can be re-encoded without touching pixels.
func native(ts dicom.UID) bool {
	t, ok := dicom.LookupTransferSyntax(ts)
	return ok && !t.Encapsulated && t.Pixels && ts != "1.2.840.10008.1.20"
}

// objectOffers lists the representations of a whole SOP Instance stored in ts,
// the preferred first: as stored, then re-encoded; multipart, then, for a
// single instance, as a single part (PS3.18 table 10.4.4-1).
func objectOffers(ts dicom.UID, single bool) []offer {
	var list []offer
	for _, multi := range []bool{true, false} {
		if !multi && !single {
			break
		}
		list = append(list, offer{multipart: multi, mediaType: mediaDICOM, syntax: ts, unnamed: ts == explicitLE || lossy(ts)})
		if ts != explicitLE && native(ts) {
			list = append(list, offer{multipart: multi, mediaType: mediaDICOM, syntax: explicitLE, unnamed: true})
		}
	}
	return list
}

// frameOffers lists the representations of frames stored in ts (PS3.18 8.7.3.3).
// Compressed frames also answer application/octet-stream if that names their
// transfer syntax or "*": viewers ask so and read the part's own media type.
func frameOffers(ts dicom.UID, encapsulated, single bool) []offer {
	var list []offer
	if encapsulated && native(ts) { // it is not said how they are compressed
		return nil
	}
	for _, multi := range []bool{true, false} {
		if !multi && !single {
			break
		}
		if !encapsulated || ts == encapsulatedUncompressed {
			list = append(list, offer{multipart: multi, mediaType: mediaOctets, syntax: explicitLE, unnamed: true})
			continue
		}
		media := frameMedia(ts)
		list = append(list, offer{multipart: multi, mediaType: media, syntax: ts, unnamed: media != mediaOctets})
		if media != mediaOctets {
			list = append(list, offer{multipart: multi, mediaType: mediaOctets, syntax: ts, sent: media})
		}
	}
	return list
}
