package dicomweb

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicomweb/multipart"
)

// mediaRange is one member of Accept (PS3.18 8.7.5, RFC 9110 12.5.1).
type mediaRange struct {
	any       bool   // "*/*": single part or multipart
	multipart bool   // "multipart/related" or "multipart/*"
	mediaType string // of the part; "*/*" or "image/*" are ranges
	syntax    string // transfer-syntax parameter: a UID, "*", or "" if there is none
	q         float64
}

// accept is what the client takes. A missing Accept means anything: PS3.18 8.7.5
// would allow 406, but many clients send none and expect the data.
type accept []mediaRange

// offer is one representation that can be answered.
type offer struct {
	multipart bool
	mediaType string // that ranges are compared with
	syntax    dicom.UID
	unnamed   bool   // also answers ranges that name no transfer syntax
	sent      string // media type of the body if other than mediaType
}

// contentType gives the media type of the body or of its parts.
func (o offer) contentType() string {
	if o.sent != "" {
		return o.sent
	}
	return o.mediaType
}

// accepted reads the accept query parameter, which beats the header (PS3.18 8.3.3.1), or Accept.
func (q *request) accepted() (accept, error) {
	var values []string
	for _, p := range q.query {
		if strings.EqualFold(p.name, "accept") && p.value != "" {
			values = append(values, p.value)
		}
	}
	if values == nil {
		values = q.Request().Header.Values("Accept")
	}
	a, err := parseAccept(strings.Join(values, ","))
	if err != nil {
		return nil, fail(http.StatusBadRequest, "Accept cannot be understood.")
	}
	return a, nil
}

func parseAccept(s string) (accept, error) {
	types, err := multipart.ParseMediaTypes(s)
	if err != nil {
		return nil, err
	}
	if len(types) == 0 {
		return accept{{any: true, mediaType: "*/*", q: 1}}, nil
	}
	var a accept
	for _, m := range types {
		r, err := parseRange(m)
		if err != nil {
			return nil, err
		}
		a = append(a, r)
	}
	return a, nil
}

func parseRange(m multipart.MediaType) (r mediaRange, err error) {
	r = mediaRange{any: m.Type == "*/*", mediaType: m.Type, syntax: m.Get("transfer-syntax"), q: 1}
	if v, ok := m.Lookup("q"); ok {
		if r.q, err = strconv.ParseFloat(v, 64); err != nil || !(r.q >= 0 && r.q <= 1) {
			return r, multipart.ErrMediaType
		}
	}
	if m.Type != "multipart/related" && m.Type != "multipart/*" {
		return r, nil
	}
	r.multipart, r.mediaType = true, "*/*"
	if t := m.Get("type"); t != "" {
		part, err := multipart.ParseMediaType(t)
		if err != nil {
			return r, err
		}
		r.mediaType = part.Type
		if r.syntax == "" { // inside the quotes is wrong but common
			r.syntax = part.Get("transfer-syntax")
		}
	}
	return r, nil
}

// match tells how closely the range describes the offer, 0 if not at all.
func (r mediaRange) match(o offer) int {
	if r.any {
		return 1
	}
	if r.multipart != o.multipart {
		return 0
	}
	if r.mediaType == "*/*" && r.syntax == "" {
		return 2
	}
	closeness := 4
	if r.mediaType != o.mediaType {
		prefix, isRange := strings.CutSuffix(r.mediaType, "*")
		if !isRange || !(prefix == "*/" || strings.HasPrefix(o.mediaType, prefix)) {
			return 0
		}
		closeness = 3
	}
	switch {
	case r.syntax == "" && (o.unnamed || closeness == 3), r.syntax == "*":
		return closeness
	case r.syntax != "" && r.syntax == string(o.syntax):
		return closeness + 1
	}
	return 0
}

// quality gives the quality of the closest range for an offer, and its place in the list.
func (a accept) quality(o offer) (q float64, place int) {
	best := 0
	for i, r := range a {
		if m := r.match(o); m > best {
			best, q, place = m, r.q, i
		}
	}
	return q, place
}

// choose picks the offer with the highest quality; among equals the range named
// first by the client, then the offer named first by the server.
func (a accept) choose(offers []offer) (offer, bool) {
	var best offer
	var bestQ float64
	bestPlace := 0
	for _, o := range offers {
		if q, place := a.quality(o); q > bestQ || q > 0 && q == bestQ && place < bestPlace {
			best, bestQ, bestPlace = o, q, place
		}
	}
	return best, bestQ > 0
}

// mixed tells whether DICOM and rendered media types are named together, which
// PS3.18 8.7.5 forbids.
func (a accept) mixed() bool {
	var isDICOM, rendered bool
	for _, r := range a {
		major, _, _ := strings.Cut(r.mediaType, "/")
		switch {
		case strings.HasPrefix(r.mediaType, "application/dicom"), r.mediaType == "application/octet-stream":
			isDICOM = true
		case !r.multipart && (major == "image" || major == "video" || r.mediaType == "application/pdf"):
			rendered = true
		}
	}
	return isDICOM && rendered
}

// notAcceptable says what would have been possible.
func notAcceptable(offers []offer) error {
	var list []string
	for _, o := range offers {
		t := o.mediaType
		if o.multipart {
			t = `multipart/related; type="` + t + `"`
		}
		if o.syntax != "" {
			t += "; transfer-syntax=" + string(o.syntax)
		}
		list = append(list, t)
	}
	return fail(http.StatusNotAcceptable, "None of the acceptable media types is available. Available: "+strings.Join(list, ", "))
}
