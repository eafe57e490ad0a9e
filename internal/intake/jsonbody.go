package intake

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"github.com/halong-gateway/halong"
)

// Wrong says what is wrong with a JSON body. It holds no values.
type Wrong struct {
	Pointer string `json:"pointer"` // to the member (RFC 6901); empty: the whole body
	Detail  string `json:"detail"`
	Status  int    `json:"-"` // of HTTP; 0: 400
}

// Error gives for instance "/reports/0/observed: not a time".
func (w *Wrong) Error() string {
	if w.Pointer == "" {
		return w.Detail
	}
	return w.Pointer + ": " + w.Detail
}

// bodyTime is how long a body may take to come.
const bodyTime = 2 * time.Minute

// timely reads until a time. That each read ends is the server's care (http.stall).
type timely struct {
	r     io.Reader
	until time.Time
}

// Read implements io.Reader.
func (t *timely) Read(p []byte) (int, error) {
	if !time.Now().Before(t.until) {
		return 0, os.ErrDeadlineExceeded
	}
	return t.r.Read(p)
}

// ReadBody reads the body of a request, which has to be called JSON: application/json, or a type that ends in +json (RFC 6839 3.1). No page of
// another site can send that unasked (Fetch 2.2.2). The error is a *Wrong, or the connection's.
func ReadBody(c echo.Context, most int64) ([]byte, error) {
	t, _, err := mime.ParseMediaType(c.Request().Header.Get(echo.HeaderContentType))
	if err != nil || t != echo.MIMEApplicationJSON && (!strings.HasPrefix(t, "application/") || !strings.HasSuffix(t, "+json")) {
		return nil, &Wrong{"", "Content-Type has to be application/json", http.StatusUnsupportedMediaType}
	}
	if e := c.Request().Header.Get(echo.HeaderContentEncoding); e != "" && !strings.EqualFold(e, "identity") { // RFC 9110 15.5.16
		return nil, &Wrong{"", "a body with a Content-Encoding is not read", http.StatusUnsupportedMediaType}
	}
	b, err := io.ReadAll(&timely{http.MaxBytesReader(c.Response(), c.Request().Body, most), time.Now().Add(bodyTime)})
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, &Wrong{"", fmt.Sprintf("the body is larger than %d bytes", most), http.StatusRequestEntityTooLarge}
	case err != nil:
		return nil, halong.E("intake.ReadBody", halong.Invalid, "", err)
	}
	return bytes.TrimPrefix(b, []byte("\ufeff")), nil // RFC 8259 8.1 allows that
}

// AnswerWrong answers with a problem (RFC 9457) that names the member.
func AnswerWrong(c echo.Context, w *Wrong) error {
	return AnswerProblem(c, cmp.Or(w.Status, http.StatusBadRequest), w.Error(), w)
}

// AnswerProblem answers with a problem (RFC 9457); detail may be empty.
func AnswerProblem(c echo.Context, status int, detail string, wrong ...*Wrong) error {
	b, err := json.Marshal(struct {
		Title  string   `json:"title"`
		Status int      `json:"status"`
		Detail string   `json:"detail,omitempty"`
		Errors []*Wrong `json:"errors,omitempty"`
	}{http.StatusText(status), status, detail, wrong})
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	return c.Blob(status, "application/problem+json", b)
}

// maxElements bounds the elements of all arrays of a body: each becomes many times what it takes in JSON.
const maxElements = 100_000

// readBody decodes a body, which is one JSON value in UTF-8 (RFC 8259), into what v points to. Members that v does not have, in the
// case that it has them, members that come twice, and what is of another kind are refused. The error is a *Wrong.
func readBody(b []byte, v any) error {
	if !utf8.Valid(b) {
		return &Wrong{Detail: "the body is not UTF-8"}
	}
	r := bodyReader{b: b, d: json.NewDecoder(bytes.NewReader(b))}
	r.d.UseNumber()
	if err := r.value(reflect.TypeOf(v).Elem(), false); err != nil {
		return r.wrong(err)
	}
	if _, err := r.d.Token(); err != io.EOF {
		return &Wrong{Detail: "more than one JSON value"}
	}
	if err := json.Unmarshal(b, v); err != nil {
		return &Wrong{Detail: "not what is expected"}
	}
	return nil
}

// JSONAuthority says whose number it is that a patient bears. It has two names, since each of the two bodies had its own.
type JSONAuthority struct {
	Authority string `json:"authority,omitempty"`
	Issuer    string `json:"issuer,omitempty"` // the same
}

// check gives the authority the name that is read, and refuses two that differ.
func (a *JSONAuthority) check() error {
	if a.Authority != "" && a.Issuer != "" && a.Authority != a.Issuer {
		return &Wrong{Pointer: "/patient/issuer", Detail: "differs from /patient/authority, which means the same"}
	}
	a.Authority = cmp.Or(a.Authority, a.Issuer)
	return nil
}

// bodyReader walks the tokens of a body beside the type that it is for.
type bodyReader struct {
	b        []byte
	d        *json.Decoder
	path     []string
	elements int
}

// fail says what is wrong with the value at hand.
func (r *bodyReader) fail(format string, args ...any) error {
	return &Wrong{Pointer: pointer(r.path), Detail: fmt.Sprintf(format, args...)}
}

// wrong makes a *Wrong of what the decoder says.
func (r *bodyReader) wrong(err error) error {
	var w *Wrong
	if errors.As(err, &w) {
		return w
	}
	return &Wrong{Detail: fmt.Sprintf("not JSON, at byte %d", r.d.InputOffset())}
}

func pointer(path []string) string {
	var s strings.Builder
	for _, p := range path {
		s.WriteByte('/')
		s.WriteString(strings.NewReplacer("~", "~0", "/", "~1").Replace(p))
	}
	return s.String()
}

// A shape is a type that reads its own JSON; it says as what its objects are to be read, and which kinds of value it has else.
type shape interface {
	shape() (object any, scalars string)
}

// Kinds of values, in words.
const (
	aText   = "a text"
	aNumber = "a number"
)

// value reads one value that is for type t. null is as if it were not there, where that may be.
func (r *bodyReader) value(t reflect.Type, optional bool) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	start := r.d.InputOffset()
	tok, err := r.d.Token()
	if err != nil {
		return err
	}
	scalars := ""
	if s, ok := reflect.Zero(t).Interface().(shape); ok {
		var object any
		object, scalars = s.shape()
		t = reflect.TypeOf(object)
	}
	switch x := tok.(type) {
	case nil:
		if optional {
			return nil
		}
	case json.Delim:
		return r.compound(x, t, scalars)
	case string:
		if scalars == "" {
			scalars = scalarOf(t)
		}
		if !strings.Contains(scalars, aText) {
			return r.expected(t, scalars)
		}
		return r.text(x, r.b[start:r.d.InputOffset()], t)
	case json.Number:
		if scalars == "" {
			scalars = scalarOf(t)
		}
		if !strings.Contains(scalars, aNumber) {
			return r.expected(t, scalars)
		}
		if _, err := x.Float64(); err != nil {
			return r.fail("is a number that is too large")
		}
		return nil
	}
	return r.expected(t, scalars)
}

// expected says of which kind the value at hand has to be.
func (r *bodyReader) expected(t reflect.Type, scalars string) error {
	switch {
	case scalars == "":
		scalars = scalarOf(t)
	case t.Kind() == reflect.Struct && scalars != "an object":
		scalars += " or an object"
	}
	return r.fail("is to be %s", scalars)
}

// scalarOf names the kind of value that a type takes.
func scalarOf(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return aText
	case reflect.Float64:
		return aNumber
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return aText + " in Base64"
		}
		return "an array"
	}
	return "an object"
}

// text looks at a string, whose JSON is raw.
func (r *bodyReader) text(s string, raw []byte, t reflect.Type) error {
	if t.Kind() == reflect.Slice {
		if _, err := io.Copy(io.Discard, base64.NewDecoder(base64.StdEncoding, strings.NewReader(s))); err != nil {
			return r.fail("is not Base64")
		}
		return nil
	}
	if strings.ContainsRune(s, utf8.RuneError) && !bytes.ContainsRune(raw, utf8.RuneError) && !bytes.Contains(bytes.ToLower(raw), []byte(`\ufffd`)) {
		return r.fail("holds half of a surrogate pair")
	}
	return nil
}

// compound reads an object or an array.
func (r *bodyReader) compound(open json.Delim, t reflect.Type, scalars string) error {
	switch {
	case open == '{' && t.Kind() == reflect.Struct:
		return r.object(t)
	case open == '[' && t.Kind() == reflect.Slice && t.Elem().Kind() != reflect.Uint8:
		return r.array(t)
	}
	return r.expected(t, scalars)
}

func (r *bodyReader) array(t reflect.Type) error {
	for i := 0; r.d.More(); i++ {
		if r.elements++; r.elements > maxElements {
			return r.fail("with others has more than %d elements", maxElements)
		}
		r.path = append(r.path, strconv.Itoa(i))
		if err := r.value(t.Elem(), false); err != nil {
			return err
		}
		r.path = r.path[:len(r.path)-1]
	}
	_, err := r.d.Token()
	return err
}

func (r *bodyReader) object(t reflect.Type) error {
	members := membersOf(t)
	seen := make(map[string]bool, len(members))
	for r.d.More() {
		tok, err := r.d.Token()
		if err != nil {
			return err
		}
		name, _ := tok.(string)
		r.path = append(r.path, name)
		m, ok := members[name]
		switch {
		case !ok:
			return r.fail("is not a member that is known here")
		case seen[name]:
			return r.fail("comes twice")
		}
		seen[name] = true
		if err := r.value(m, true); err != nil {
			return err
		}
		r.path = r.path[:len(r.path)-1]
	}
	_, err := r.d.Token()
	return err
}

// membersOf gives the types of the members of a struct by their names in JSON, those of embedded structs among them.
func membersOf(t reflect.Type) map[string]reflect.Type {
	all := map[string]reflect.Type{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			for n, m := range membersOf(f.Type) {
				all[n] = m
			}
		case name != "" && name != "-":
			all[name] = f.Type
		}
	}
	return all
}
