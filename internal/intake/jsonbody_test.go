package intake

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/labstack/echo/v4"

	"github.com/halong-gateway/halong/hl7v2"
)

// A body that is wrong is refused with the place, as a JSON pointer, and without its values.
func TestBodiesThatAreWrong(t *testing.T) {
	order := func(b string) error { _, err := ReadJSONOrder([]byte(b)); return err }
	result := func(b string) error {
		var r resultMessage
		if err := readBody([]byte(b), &r); err != nil {
			return err
		}
		_, err := r.build([]byte(b))
		return err
	}
	const good = `{"number":"B1","patient":{"id":"P1"}}`
	const report = `{"patient":{"id":"8"},"reports":[{"service":"S","observations":[`
	for name, c := range map[string]struct {
		read    func(string) error
		body    string
		pointer string
		detail  string
	}{
		"two values":            {order, good + good, "", "more than one"},
		"rest":                  {order, good + "x", "", "more than one"},
		"unbalanced":            {order, good + "]", "", "more than one"},
		"no JSON":               {order, `{"number":"B1",}`, "", "not JSON, at byte"},
		"empty":                 {order, ``, "", "not JSON"},
		"cut short":             {order, `{"number":"B1"`, "", "not JSON"},
		"not UTF-8":             {order, "{\"number\":\"B\xff\"}", "", "not UTF-8"},
		"array":                 {order, "[" + good + "]", "", "an object"},
		"unknown member":        {order, `{"number":"B1","x":1}`, "/x", "not a member"},
		"unknown, deep":         {order, `{"number":"B1","patient":{"id":"1","identifiers":[{"id":"2"},{"a/b~c":1}]}}`, "/patient/identifiers/1/a~1b~0c", "not a member"},
		"another case":          {order, `{"Number":"B1"}`, "/Number", "not a member"},
		"twice":                 {order, `{"number":"B1","number":"B2"}`, "/number", "twice"},
		"twice, deep":           {order, `{"number":"B1","steps":[{"modality":"CT","modality":"MR"}]}`, "/steps/0/modality", "twice"},
		"number for text":       {order, `{"number":7}`, "/number", "a text"},
		"text for number":       {order, `{"number":"1","patient":{"weight":"70"}}`, "/patient/weight", "a number"},
		"object for text":       {order, `{"number":{}}`, "/number", "a text"},
		"text for object":       {order, `{"number":"1","patient":"x"}`, "/patient", "an object"},
		"boolean":               {order, `{"number":"1","patient":{"id":true}}`, "/patient/id", "a text"},
		"text for array":        {order, `{"number":"1","notes":"x"}`, "/notes", "an array"},
		"null in array":         {order, `{"number":"1","notes":["a",null]}`, "/notes/1", "a text"},
		"half a character":      {order, `{"number":"1","notes":["\ud800"]}`, "/notes/0", "surrogate"},
		"too large":             {order, `{"number":"1","patient":{"weight":1e999}}`, "/patient/weight", "too large"},
		"no number":             {order, `{"patient":{"id":"P1"}}`, "/number", "missing"},
		"two authorities":       {order, `{"number":"B1","patient":{"id":"P1","issuer":"A","authority":"B"}}`, "/patient/issuer", "differs"},
		"and of a result":       {result, `{"patient":{"id":"8","issuer":"A","authority":"B"},"reports":[{"service":"S"}]}`, "/patient/issuer", "differs"},
		"status of no table":    {result, `{"patient":{"id":"8"},"reports":[{"service":"S","status":"Q"}]}`, "/reports/0/status", "not a status"},
		"another table's":       {result, `{"patient":{"id":"8"},"reports":[{"service":"S","status":"D"}]}`, "/reports/0/status", "not a status"},
		"OBX-11 of no table":    {result, report + `{"code":"G","value":1,"status":"Q"}]}]}`, "/reports/0/observations/0/status", "not a status"},
		"no patient":            {order, `{"number":"B1"}`, "/patient/id", "missing"},
		"line end":              {order, `{"number":"B\rORC","patient":{"id":"P1"}}`, "/number", "control"},
		"NUL":                   {order, `{"number":"B\u0000","patient":{"id":"P1"}}`, "/number", "control"},
		"birth":                 {order, `{"number":"B","patient":{"id":"P1","birthDate":"hôm nay"}}`, "/patient/birthDate", "no date"},
		"sex":                   {order, `{"number":"B","patient":{"id":"P1","sex":"X"}}`, "/patient/sex", "is none of"},
		"sex, of a result":      {result, `{"patient":{"id":"8","sex":"1"},"reports":[{"service":"S"}]}`, "/patient/sex", "is none of"},
		"control ID":            {result, `{"control":"` + strings.Repeat("X", 200) + `","patient":{"id":"8"},"reports":[{"service":"S"}]}`, "/control", "longer than 199"},
		"a text for a body":     {order, `"x"`, "", "is to be an object"},
		"modality, small":       {order, `{"number":"B","patient":{"id":"P1"},"modality":"ct"}`, "/modality", "capitals"},
		"modality, long":        {order, `{"number":"B","patient":{"id":"P1"},"steps":[{},{"modality":"COMPUTEDTOMOGRAPHY"}]}`, "/steps/1/modality", "at most 16"},
		"modality, several":     {order, `{"number":"B","patient":{"id":"P1"},"modality":"CT\\MR"}`, "/modality", "CS"},
		"start":                 {order, `{"number":"B","patient":{"id":"P1"},"steps":[{"start":"nine"}]}`, "/steps/0/start", "no time"},
		"station":               {order, `{"number":"B","patient":{"id":"P1"},"station":"A\\B"}`, "/station", "AE title"},
		"result, no reports":    {result, `{}`, "/reports", "at least one"},
		"result, no service":    {result, `{"patient":{"id":"1"},"reports":[{}]}`, "/reports/0/service", "needed"},
		"result, status":        {result, `{"patient":{"id":"1"},"reports":[{"service":"a","status":"done"}]}`, "/reports/0/status", "status"},
		"result, media type":    {result, `{"patient":{"id":"1"},"reports":[{"service":"a","documents":[{"mediaType":"pdf","data":"aGk="}]}]}`, "/reports/0/documents/0/mediaType", "media type"},
		"result, birth":         {result, `{"patient":{"id":"1","birthDate":"1970-13-01"},"reports":[{"service":"a"}]}`, "/patient/birthDate", "not a time"},
		"result, no patient":    {result, `{"reports":[{"service":"S"}]}`, "/patient", "needed"},
		"result, no identifier": {result, `{"patient":{"id":"1","identifiers":[{"id":"2"},{"type":"NI"}]},"reports":[{"service":"S"}]}`, "/patient/identifiers/1/id", "needed"},
		"result, no code":       {result, report + `{"value":1}]}]}`, "/reports/0/observations/0/code", "needed"},
		"result, code of code":  {result, report + `{"code":{"code":"a","name":"b"}}]}]}`, "/reports/0/observations/0/code/name", "not a member"},
		"result, code a number": {result, report + `{"code":7}]}]}`, "/reports/0/observations/0/code", "a text or an object"},
		"result, value":         {result, report + `{"code":"a","value":[1]}]}]}`, "/reports/0/observations/0/value", "a number, a text or an object"},
		"result, value true":    {result, report + `{"code":"a","values":[1,true]}]}]}`, "/reports/0/observations/0/values/1", "a number, a text or an object"},
		"result, two kinds":     {result, report + `{"code":"a","values":[1,"x"]}]}]}`, "/reports/0/observations/0/values", "several kinds"},
		"result, time":          {result, `{"patient":{"id":"1"},"reports":[{"service":"S"},{"service":"S","observed":"x"}]}`, "/reports/1/observed", "not a time"},
		"result, Base64":        {result, `{"patient":{"id":"1"},"reports":[{"service":"S","documents":[{"mediaType":"a/b","data":"~~"}]}]}`, "/reports/0/documents/0/data", "Base64"},
		"result, elements":      {result, report + strings.Repeat("{},", maxElements) + `{}]}]}`, "/reports/0/observations", "elements"},
	} {
		t.Run(name, func(t *testing.T) {
			var w *Wrong
			if err := c.read(c.body); !errors.As(err, &w) {
				t.Fatalf("%v", err)
			}
			if w.Pointer != c.pointer || !strings.Contains(w.Detail, c.detail) || strings.Contains(w.Detail, "object or an object") {
				t.Errorf("%q, %q; not %q, %q", w.Pointer, w.Detail, c.pointer, c.detail)
			}
		})
	}
}

// What is right is taken: null is as if the member were not there, and a modality of one's own is said to be one.
func TestBodiesThatAreRight(t *testing.T) {
	o, err := ReadJSONOrder([]byte(` {"number":" B1 ","patient":{"id":"P1","weight":70.5},"notes":null,"study` + `InstanceUID":null,"steps":[{"modality":"CT"},{"modality":"SIEU AM"}],"service":{"name":"\ufffd \ud83d\ude00"}} ` + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []Wrong{{Pointer: "/steps/1/modality", Detail: "is no modality of PS3.3 C.7.3.1.1.1; it is used as it stands"}}
	if d := cmp.Diff(want, o.Warnings); d != "" || o.Number != "B1" || o.Patient.Weight != 70.5 || o.Service.Name != "\ufffd 😀" {
		t.Errorf("%+v %s", o, d)
	}
}

// Sexes are said in both intakes alike.
func TestSexes(t *testing.T) {
	utf8, _ := hl7v2.LookupCharset("UTF-8")
	for said, want := range map[string]string{"": "", "m": "M", " Nữ ": "F", "nam": "M", "female": "F", "O": "O", "U": "U", "other": "O", "unknown": "U", "Khác": "O"} {
		o, err := ReadJSONOrder([]byte(`{"number":"B","patient":{"id":"P1","sex":"` + said + `"}}`))
		if err != nil {
			t.Fatal(err)
		}
		raw, err := o.Message(hl7v2.Header{}, false).Encode(hl7v2.Standard, utf8)
		if err != nil || field(t, raw, "PID-8") != want {
			t.Errorf("order, %q: %q %v", said, raw, err)
		}
		body := []byte(`{"patient":{"id":"8","sex":"` + said + `"},"reports":[{"service":"S"}]}`)
		r := &resultMessage{}
		if err := readBody(body, r); err != nil {
			t.Fatal(err)
		}
		if raw, err = r.build(body); err != nil || field(t, raw, "PID-8") != want {
			t.Errorf("result, %q: %q %v", said, raw, err)
		}
	}
}

// Names are said in both intakes alike: component groups are repetitions of PID-5, and nothing of a name is lost.
func TestNames(t *testing.T) {
	utf8, _ := hl7v2.LookupCharset("UTF-8")
	for said, want := range map[string]string{
		"": "", "Lê An": "Lê An", "Lê^An^Văn^Bà^III": "Lê^An^Văn^III^Bà", "A^": "A", "A^^B": "A^^B",
		"YAMADA^TARO=山田^太郎=ヤマダ^タロウ": "YAMADA^TARO~山田^太郎^^^^^^I~ヤマダ^タロウ^^^^^^P", "=山田": "~山田^^^^^^^I",
	} {
		o, err := ReadJSONOrder([]byte(`{"number":"B","patient":{"id":"P1","name":"` + said + `"}}`))
		if err != nil {
			t.Fatal(err)
		}
		ordered, err := o.Message(hl7v2.Header{}, false).Encode(hl7v2.Standard, utf8)
		if err != nil {
			t.Fatal(err)
		}
		body := []byte(`{"patient":{"id":"8","name":"` + said + `"},"reports":[{"service":"S","orderer":{"id":"1","name":"` + said + `"},"interpreter":{"name":"` + said + `"}}]}`)
		r := &resultMessage{}
		if err := readBody(body, r); err != nil {
			t.Fatal(err)
		}
		reported, err := r.build(body)
		if err != nil {
			t.Fatal(err)
		}
		for _, raw := range [][]byte{ordered, reported} {
			if !strings.Contains(string(raw), "|"+want+"\r") && !strings.Contains(string(raw), "|"+want+"|") {
				t.Errorf("%s: no %q in %q", said, want, raw)
			}
		}
		first, _, _ := strings.Cut(want, "~") // there is no room for more elsewhere
		if got := strings.TrimRight("1^"+first, "^"); !strings.Contains(string(reported), "|"+got+"|") {
			t.Errorf("orderer %s: no %q in %q", said, got, reported)
		}
		family, _, _ := strings.Cut(first, "^")
		given, _, _ := strings.Cut(strings.TrimPrefix(first[len(family):], "^"), "^")
		if got := field(t, reported, "OBR-32.1.2") + "^" + field(t, reported, "OBR-32.1.3"); got != family+"^"+given {
			t.Errorf("interpreter %s: %q in %q", said, got, reported)
		}
	}
}

func field(t *testing.T, raw []byte, place string) string {
	t.Helper()
	m, err := hl7v2.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return m.Get(place)
}

// What is compressed is refused as that (RFC 9110 15.5.16), and a byte order mark, which some senders put before JSON, is let pass (RFC 8259 8.1).
func TestBodiesAsTheyAreEncoded(t *testing.T) {
	read := func(encoding, body string) (string, error) {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Content-Encoding", encoding)
		b, err := ReadBody(echo.New().NewContext(r, httptest.NewRecorder()), 1<<10)
		return string(b), err
	}
	var w *Wrong
	if _, err := read("gzip", "\x1f\x8b"); !errors.As(err, &w) || w.Status != http.StatusUnsupportedMediaType {
		t.Error(err)
	}
	for _, encoding := range []string{"", "identity", "Identity"} {
		if b, err := read(encoding, "\ufeff{}"); b != "{}" || err != nil {
			t.Errorf("%q: %q, %v", encoding, b, err)
		}
	}
}

// trickle gives a byte every so often, without end.
type trickle time.Duration

func (s trickle) Read(p []byte) (int, error) {
	time.Sleep(time.Duration(s))
	p[0] = ' '
	return 1, nil
}

// A body whose bytes come one by one is waited for no longer than others.
func TestBodyThatTrickles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := httptest.NewRequest("POST", "/api/orders", trickle(50*time.Second))
		r.Header.Set("Content-Type", "application/json")
		start := time.Now()
		_, err := ReadBody(echo.New().NewContext(r, httptest.NewRecorder()), 1<<10)
		if took := time.Since(start); !errors.Is(err, os.ErrDeadlineExceeded) || took < bodyTime || took > bodyTime+time.Minute {
			t.Errorf("%v after %v", err, took)
		}
	})
}

// Orders and results call the authority of a patient's number by either name.
func TestEitherNameOfAuthority(t *testing.T) {
	for name, patient := range map[string]string{
		"authority": `{"id":"8","authority":"BV1"}`,
		"issuer":    `{"id":"8","issuer":"BV1"}`,
		"both":      `{"id":"8","issuer":"BV1","authority":"BV1"}`,
	} {
		o, err := ReadJSONOrder([]byte(`{"number":"B1","patient":` + patient + `}`))
		if err != nil {
			t.Fatal(name, err)
		}
		order, err := o.Message(hl7v2.Header{ControlID: "1"}, false).Encode(hl7v2.Standard, hl7v2.Lenient)
		if err != nil {
			t.Fatal(name, err)
		}
		var r resultMessage
		body := []byte(`{"patient":` + patient + `,"reports":[{"service":"S"}]}`)
		if err := readBody(body, &r); err != nil {
			t.Fatal(name, err)
		}
		result, err := r.build(body)
		if err != nil {
			t.Fatal(name, err)
		}
		for _, m := range []string{string(order), string(result)} {
			if !strings.Contains(m, "\rPID|1||8^^^BV1|") && !strings.Contains(m, "\rPID|1||8^^^BV1\r") {
				t.Errorf("%s: %q", name, m)
			}
		}
	}
}
