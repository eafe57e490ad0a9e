package dicomweb

import (
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
)

// RegisterURI adds the URI service (WADO-URI, PS3.18 9) at the root of g: one SOP Instance named by query parameters. Register does so
// too at its own root, where clients that know one address look for it.
func RegisterURI(g *echo.Group, cfg Config) {
	s := newService(cfg)
	s.register(g, uriTransactions())
}

// uriTransactions are those of the URI Service (PS3.18 9), at its root with and without a slash. Rendered media types are not there yet.
func uriTransactions() (list []Transaction) {
	for _, path := range []string{"", "/"} {
		list = append(list, Transaction{
			ID: "RetrieveInstanceByURI", Name: "Retrieve DICOM Instance", Section: "9.4", Service: "URI", Method: http.MethodGet, Path: path, Accept: []string{mediaDICOM},
			Query:   []string{"requestType", "studyUID", "seriesUID", "objectUID", "contentType", "transferSyntax", "charset", "anonymize"},
			Headers: cacheHeaders, Statuses: []int{http.StatusOK, http.StatusNotModified, http.StatusNotFound, http.StatusNotAcceptable},
			operation: "retrieve", handler: wadoURI,
		})
	}
	return list
}

// uriParameters are the parameters of PS3.18 tables 9.1.2-1 to 9.1.2-3 and what they mean for application/dicom.
var uriParameters = map[string]uriUse{
	"requesttype": uriKnown, "studyuid": uriKnown, "seriesuid": uriKnown, "objectuid": uriKnown,
	"contenttype": uriKnown, "accept": uriKnown, "transfersyntax": uriKnown, "charset": uriKnown, "anonymize": uriKnown,
	"framenumber": uriRendered, "imageannotation": uriRendered, "annotation": uriRendered, "imagequality": uriRendered, "rows": uriRendered,
	"columns": uriRendered, "region": uriRendered, "viewport": uriRendered, "windowcenter": uriRendered, "windowwidth": uriRendered,
	"window": uriRendered, "presentationuid": uriRendered, "presentationseriesuid": uriRendered, "iccprofile": uriRendered,
}

// uriUse says what a parameter is for.
type uriUse uint8

const (
	uriKnown    uriUse = iota + 1
	uriRendered        // for rendered media types only: not to be there with application/dicom (PS3.18 9.1.2.2)
)

// wadoURI answers the URI service with application/dicom. Rendered media types are refused with 406.
func wadoURI(q *request) error {
	p, err := q.uriQuery()
	if err != nil {
		return err
	}
	q.given = map[string]string{"study": p["studyuid"], "series": p["seriesuid"], "instance": p["objectuid"]}
	for _, name := range []string{"study", "series", "instance"} {
		if u := q.given[name]; u == "" || !nameable(u) {
			return fail(http.StatusBadRequest, "The parameters studyUID, seriesUID and objectUID must be there and be UIDs.")
		}
	}
	s, err := q.selected("instances")
	if err != nil {
		return err
	}
	in := s.whole[0]
	offers := objectOffers(in.Manifest.TransferSyntax, true)
	o, ok := accept{{mediaType: mediaDICOM, syntax: p["transfersyntax"], q: 1}}.choose(offers)
	if !ok {
		return notAcceptable(slices.DeleteFunc(offers, func(o offer) bool { return o.multipart }))
	}
	return q.sendObject(s, in, o)
}

// uriQuery reads the parameters, by their names in lower case.
func (q *request) uriQuery() (map[string]string, error) {
	p := map[string]string{}
	for _, one := range q.query {
		name := strings.ToLower(one.name)
		if uriParameters[name] == 0 {
			continue // to be ignored (PS3.18 8.3)
		}
		if _, ok := p[name]; ok {
			return nil, fail(http.StatusBadRequest, "A parameter is given more than once.")
		}
		p[name] = one.value
	}
	if p["requesttype"] != "WADO" {
		return nil, fail(http.StatusBadRequest, "The parameter requestType must be WADO.")
	}
	if err := wantsDICOM(p["contenttype"]); err != nil {
		return nil, err
	}
	for name := range p {
		if uriParameters[name] == uriRendered {
			return nil, fail(http.StatusBadRequest, "Parameters of rendered images do not go with application/dicom.")
		}
	}
	if p["anonymize"] != "" && p["anonymize"] != "no" { // never answered with what names the patient
		return nil, fail(http.StatusBadRequest, "Anonymization is not done by this service.")
	}
	return p, nil
}

// wantsDICOM looks for application/dicom in the media types of contentType. Without any it is the default here, since nothing is rendered.
func wantsDICOM(contentType string) error {
	a, err := parseAccept(contentType)
	if err != nil {
		return fail(http.StatusBadRequest, "The parameter contentType cannot be understood.")
	}
	for i := range a {
		a[i].syntax = "" // there is a parameter for it
	}
	if _, ok := a.choose([]offer{{mediaType: mediaDICOM, unnamed: true}}); !ok {
		return fail(http.StatusNotAcceptable, "Available is application/dicom only.")
	}
	return nil
}
