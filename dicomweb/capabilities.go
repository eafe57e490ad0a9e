package dicomweb

import (
	"encoding/json"
	"encoding/xml"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"
)

// Media types of a Capabilities Description (PS3.18 8.9).
const (
	mediaWADL = "application/vnd.sun.wadl+xml"
	jsonWADL  = "application/json"
)

// capabilityOffers are its representations.
var capabilityOffers = []offer{{mediaType: mediaWADL, unnamed: true}, {mediaType: jsonWADL, unnamed: true}, {mediaType: "application/xml", unnamed: true}}

// capabilityTransactions are Retrieve Capabilities (PS3.18 8.9), at the base as
// the standard has it now and, as it had it until 2018, at every other resource for that and what is below it.
func capabilityTransactions() (list []Transaction) {
	for _, path := range []string{"", "/"} {
		list = append(list, Transaction{
			ID: "RetrieveCapabilities", Name: "Retrieve Capabilities", Section: "8.9", Method: http.MethodOptions, Path: path,
			Accept: []string{mediaWADL, jsonWADL}, Query: []string{"accept"}, Statuses: []int{http.StatusOK, http.StatusNotAcceptable},
		})
	}
	return list
}

// options answers OPTIONS: a CORS preflight, the Capabilities Description where it is asked for, or only Allow.
// It needs no credentials and tells nothing of what is stored.
func (s *service) options(path, methods string) echo.HandlerFunc {
	tell := s.handleUnscoped("capabilities", func(q *request) error { return q.capabilities(path) })
	return func(c echo.Context) error {
		r, h := c.Request(), c.Response().Header()
		h.Set(echo.HeaderAllow, methods)
		preflight := r.Header.Get(echo.HeaderAccessControlRequestMethod) != ""
		if !preflight && (strings.Trim(path, "/") == "" || asksForWADL(r)) {
			return tell(c)
		}
		s.allowOrigin(c)
		if preflight && s.allowed(r.Header.Get(echo.HeaderOrigin)) {
			h.Set(echo.HeaderAccessControlAllowMethods, methods)
			h.Set(echo.HeaderAccessControlAllowHeaders, requestHeaders)
			h.Set(echo.HeaderAccessControlMaxAge, "7200")
		}
		return c.NoContent(http.StatusNoContent)
	}
}

// asksForWADL tells whether a Capabilities Description is asked for by name: others get Allow alone.
func asksForWADL(r *http.Request) bool {
	return strings.Contains(strings.ToLower(strings.Join(r.Header.Values("Accept"), ",")), "wadl")
}

// capabilities answers with the description of a resource and of those below it.
func (q *request) capabilities(path string) error {
	o, err := q.acceptsOne(capabilityOffers)
	if err != nil {
		return err
	}
	d := description(q.base, strings.TrimRight(path, "/"), transactions(&q.Config))
	var b []byte
	if o.mediaType == jsonWADL {
		b, err = json.Marshal(map[string]any{"application": d})
	} else if b, err = xml.MarshalIndent(d, "", " "); err == nil {
		b = append([]byte(xml.Header), append(b, '\n')...)
	}
	if err != nil {
		return err
	}
	q.Response().Header().Add("Vary", "Accept")
	return q.Blob(http.StatusOK, o.mediaType, b)
}

// wadl is a Capabilities Description (PS3.18 annex H; Web Application Description
// Language, W3C submission of 31 August 2009). In JSON its elements are members.
type wadl struct {
	XMLName   xml.Name  `xml:"http://wadl.dev.java.net/2009/02 application" json:"-"`
	Resources resources `xml:"resources" json:"resources"`
}

type resources struct {
	Base     string          `xml:"base,attr" json:"base"`
	Resource []*wadlResource `xml:"resource" json:"resource"`
}

type wadlResource struct {
	Path     string          `xml:"path,attr" json:"path"`
	Param    []wadlParam     `xml:"param" json:"param,omitempty"`
	Method   []wadlMethod    `xml:"method" json:"method,omitempty"`
	Resource []*wadlResource `xml:"resource" json:"resource,omitempty"`
}

type wadlMethod struct {
	Name     string         `xml:"name,attr" json:"name"`
	ID       string         `xml:"id,attr" json:"id"`
	Request  wadlRequest    `xml:"request" json:"request"`
	Response []wadlResponse `xml:"response" json:"response"`
}

type wadlRequest struct {
	Param          []wadlParam `xml:"param" json:"param,omitempty"`
	Representation []wadlMedia `xml:"representation" json:"representation,omitempty"`
}

type wadlResponse struct {
	Status         string      `xml:"status,attr" json:"status"`
	Representation []wadlMedia `xml:"representation" json:"representation,omitempty"`
}

type wadlMedia struct {
	MediaType string `xml:"mediaType,attr" json:"mediaType"`
}

type wadlParam struct {
	Name    string       `xml:"name,attr" json:"name"`
	Style   string       `xml:"style,attr" json:"style"` // template, query, header
	Default string       `xml:"default,attr,omitempty" json:"default,omitempty"`
	Option  []wadlOption `xml:"option" json:"option,omitempty"`
}

type wadlOption struct {
	Value string `xml:"value,attr" json:"value"`
}

// parameterNames are what the standard calls the parameters of paths.
var parameterNames = map[string]string{
	":study": "StudyInstanceUID", ":series": "SeriesInstanceUID", ":instance": "SOPInstanceUID", ":frames": "FrameList", "*": "BulkdataReference",
	":workitem": "UPSInstanceUID", ":aet": "SubscriberAETitle", ":requester": "RequesterAETitle",
}

// PathTemplate gives a path with its parameters as PS3.18 writes them: /studies/{StudyInstanceUID}.
func (t Transaction) PathTemplate() string {
	parts := strings.Split(t.Path, "/")
	for i, p := range parts {
		parts[i] = template(p)
	}
	return strings.Join(parts, "/")
}

func template(part string) string {
	if part == "" || part[0] != ':' && part != "*" {
		return part
	}
	if name, ok := parameterNames[part]; ok {
		return "{" + name + "}"
	}
	return "{" + strings.TrimLeft(part, ":") + "}"
}

// description makes the description of what is at a path and below it.
func description(base, path string, list []Transaction) *wadl {
	root := &wadlResource{Path: "/"}
	for _, t := range list {
		at := strings.TrimRight(t.Path, "/")
		if at == path || strings.HasPrefix(at, path+"/") {
			root.at(at).add(t)
		}
	}
	d := &wadl{Resources: resources{Base: base, Resource: root.Resource}}
	if len(root.Method) > 0 {
		d.Resources.Resource = append([]*wadlResource{{Path: "/", Method: root.Method}}, root.Resource...)
	}
	return d
}

// at gives the resource of a path below r, made if it is not there.
func (r *wadlResource) at(path string) *wadlResource {
	for part := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		if part == "" {
			continue
		}
		name := template(part)
		i := slices.IndexFunc(r.Resource, func(c *wadlResource) bool { return c.Path == name })
		if i < 0 {
			c := &wadlResource{Path: name}
			if strings.HasPrefix(name, "{") {
				c.Param = []wadlParam{{Name: strings.Trim(name, "{}"), Style: "template"}}
			}
			i, r.Resource = len(r.Resource), append(r.Resource, c)
		}
		r = r.Resource[i]
	}
	return r
}

// add adds the method of a transaction, once.
func (r *wadlResource) add(t Transaction) {
	if slices.ContainsFunc(r.Method, func(m wadlMethod) bool { return m.ID == t.ID && m.Name == t.Method }) {
		return
	}
	m := wadlMethod{Name: t.Method, ID: t.ID}
	if len(t.Accept) > 0 {
		m.Request.Param = append(m.Request.Param, wadlParam{Name: "Accept", Style: "header", Default: t.Accept[0], Option: wadlOptions(t.Accept)})
	}
	for _, h := range t.Headers {
		m.Request.Param = append(m.Request.Param, wadlParam{Name: h, Style: "header"})
	}
	for _, name := range t.Query {
		m.Request.Param = append(m.Request.Param, wadlParam{Name: name, Style: "query"})
	}
	m.Request.Representation = wadlTypes(t.Takes)
	for _, status := range slices.Sorted(slices.Values(append(slices.Clone(t.Statuses), CommonStatuses...))) {
		answer := wadlResponse{Status: strconv.Itoa(status)}
		if status/100 == 2 && status != http.StatusNoContent {
			answer.Representation = wadlTypes(t.Accept)
		} else if status >= 400 && status != http.StatusConflict {
			answer.Representation = wadlTypes([]string{"application/problem+json"})
		}
		m.Response = append(m.Response, answer)
	}
	r.Method = append(r.Method, m)
}

func wadlOptions(list []string) (options []wadlOption) {
	for _, v := range list {
		options = append(options, wadlOption{v})
	}
	return options
}

func wadlTypes(list []string) (types []wadlMedia) {
	for _, v := range list {
		types = append(types, wadlMedia{v})
	}
	return types
}
