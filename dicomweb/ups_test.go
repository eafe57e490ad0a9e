package dicomweb

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"
	"github.com/labstack/echo/v4"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage/sqlite"
	"github.com/halong-gateway/halong/worklist/ups"
)

// noJournal takes records and forgets them.
type noJournal struct{}

// AppendWorkitem implements ups.Journal.
func (noJournal) AppendWorkitem(halong.Tx, ...[]byte) error { return nil }

// callers of worklist tests, by the header X-Caller.
var callers = map[string]struct {
	scope halong.Scope
	own   halong.Facility
}{
	"":    {halong.Scope{Own: "BV1"}, "BV1"},
	"bv2": {halong.Scope{Own: "BV2"}, "BV2"},
	"two": {halong.Scope{Own: "BV2", Visible: []halong.Facility{"BV1"}}, "BV2"},
	"all": {halong.Scope{All: true}, "default"},
}

// worklistServer is a server with a worklist.
type worklistServer struct {
	*server
	workitems *ups.Service
}

// serveWorklist gives a server with a worklist over a real index.
func serveWorklist(t testing.TB, change ...func(*Config)) *worklistServer {
	t.Helper()
	db, err := sqlite.Open(context.Background(), filepath.Join(t.TempDir(), "index", "halong.db"), nil, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	w := ups.New(ups.Config{Updater: db, Store: db, Journal: noJournal{}, Events: db})
	return &worklistServer{workitems: w, server: serve(t, append([]func(*Config){func(c *Config) {
		c.Workitems = w
		c.Scope = func(c echo.Context) (halong.Scope, halong.Facility, error) {
			x := callers[c.Request().Header.Get("X-Caller")]
			if f := halong.Facility(c.Param("facility")); f != "" && x.scope.Sees(f) { // as internal/app does
				if x.scope.All {
					x.own = f
				}
				x.scope = halong.Scope{Own: f}
			}
			return x.scope, x.own, nil
		}
	}}, change...)...)}
}

// order is a workitem with the least that is demanded.
func order(more string) string {
	return strings.ReplaceAll(`{'00741000':{'vr':'CS','Value':['SCHEDULED']},'00741200':{'vr':'CS','Value':['MEDIUM']},'00741204':{'vr':'LO','Value':['Read']},
		'00404005':{'vr':'DT','Value':['20261122080000']},'00404041':{'vr':'CS','Value':['READY']}`+more+`}`, "'", `"`)
}

const stateOf = `{"00741000":{"vr":"CS","Value":["%s"]},"00081195":{"vr":"UI","Value":["2.25.1"]}}`

// call is one request with an answer's status.
type call struct {
	caller, method, path, body string
	want                       int
}

func (s *server) call(c call) string {
	s.t.Helper()
	headers := []string{"X-Caller: " + c.caller}
	if c.body != "" {
		headers = append(headers, "Content-Type: "+mediaJSON)
	}
	w := s.do(c.method, c.path, bytes.NewReader([]byte(c.body)), headers...)
	if w.Code != c.want {
		s.t.Errorf("%s %s %s: status %d, want %d: %s", c.caller, c.method, c.path, w.Code, c.want, w.Body)
	}
	return w.Body.String()
}

// Facilities are apart: what a caller does not see is not there, what it only sees it does not change, and reports are fetched by
// their own facility.
func TestWorklistFacilities(t *testing.T) {
	s := serveWorklist(t)
	claim := fmt.Sprintf(stateOf, "IN PROGRESS")
	const global = "/workitems/1.2.840.10008.5.1.4.34.5/subscribers/A"
	for _, c := range []call{
		{"", "POST", "/workitems?workitem=1.1", order(""), 201},
		{"bv2", "POST", "/workitems?workitem=1.1", order(""), 201}, // a UID each
		{"bv2", "POST", "/workitems?workitem=1.2", order(""), 201},
		{"", "GET", "/workitems/1.2", "", 404},
		{"", "POST", "/workitems/1.2", `{}`, 404},
		{"", "PUT", "/workitems/1.2/state", claim, 404},
		{"", "POST", "/workitems/1.2/cancelrequest", "", 404},
		{"", "POST", "/workitems/1.2/subscribers/A", "", 404},
		{"", "DELETE", "/workitems/1.2/subscribers/A", "", 404},
		{"", "GET", "/facilities/BV2/workitems", "", 404},
		{"", "POST", "/facilities/BV2/workitems?1.3", order(""), 404},
		{"", "GET", "/facilities/BV2/ws/subscribers/A", "", 404},

		{"", "POST", "/workitems?1.9", order(""), 201},
		{"two", "GET", "/workitems/1.9", "", 200},
		{"two", "PUT", "/workitems/1.9/state", claim, 403},
		{"two", "POST", "/workitems/1.9", `{}`, 403},
		{"two", "POST", "/workitems/1.9/cancelrequest", "", 403},
		{"two", "POST", "/workitems/1.9/subscribers/A", "", 403},
		{"two", "PUT", "/facilities/BV1/workitems/1.9/state", claim, 403},
		{"two", "POST", "/facilities/BV1/workitems?1.10", order(""), 403},
		{"two", "POST", "/facilities/BV1" + global, "", 403},
		{"two", "DELETE", "/facilities/BV1" + global, "", 403},
		{"two", "POST", "/facilities/BV1" + global + "/suspend", "", 403},
		{"two", "GET", "/facilities/BV1/ws/subscribers/A", "", 403},
		{"two", "POST", global, "", 201},

		{"all", "PUT", "/workitems/1.9/state", claim, 200},
		{"all", "POST", "/facilities/BV2/workitems?1.20", order(""), 201},
		{"all", "POST", "/workitems?1.30", order(""), 201},
		{"all", "GET", "/facilities/BV2/ws/subscribers/A", "", 426},
		{"bv2", "GET", "/workitems/1.20", "", 200},
		{"bv2", "GET", "/workitems/1.30", "", 404},
	} {
		s.call(c)
	}
	if got := strings.Count(s.call(call{"two", "GET", "/workitems", "", 200}), `"00080018"`); got != 4 { // 1.1 once, 1.2, 1.9, 1.20
		t.Errorf("%d workitems", got)
	}
	if got := strings.Count(s.call(call{"all", "GET", "/workitems?includefield=all", "", 200}), `"00080018"`); got != 5 {
		t.Errorf("%d workitems", got)
	}
	w := s.do("POST", "/workitems/1.20/subscribers/A", nil, "X-Caller: all")
	if got := w.Header().Get("Content-Location"); !strings.HasSuffix(got, "/facilities/BV2/ws/subscribers/A") || !strings.HasPrefix(got, "ws://") {
		t.Errorf("the channel is at %s", got)
	}
}

// What requests can get wrong, and where UIDs may stand.
func TestWorklistRequests(t *testing.T) {
	s := serveWorklist(t)
	named := order(`,'00080018':{'vr':'UI','Value':['1.5']}`)
	const lock = `{"00081195":{"vr":"UI","Value":["2.25.1"]}}`
	for _, c := range []call{
		{"", "POST", "/workitems", order(""), 201},
		{"", "POST", "/workitems", named, 201},
		{"", "POST", "/workitems", order(`,'00001000':{'vr':'UI','Value':['1.6']}`), 201}, // no part of a data set (PS3.18 11.4.1.4)
		{"", "GET", "/workitems/1.6", "", 404},
		{"", "POST", "/workitems?workitem=1.7", named, 400},
		{"", "POST", "/workitems?workitem=", order(""), 400},
		{"", "POST", "/workitems?workitem=..%2F1", order(""), 400},
		{"", "POST", "/workitems?AffectedSOPInstanceUID=1.7", "[" + order("") + "]", 201},
		{"", "POST", "/workitems?1.8", "[" + order("") + "," + order("") + "]", 400},
		{"", "POST", "/workitems?1.8", "[]", 400},
		{"", "POST", "/workitems?1.8", "", 415},
		{"", "POST", "/workitems?1.8", order(`,'00091001':{'vr':'OB','BulkDataURI':'x'}`), 400},
		{"", "POST", "/workitems?1.8", order(`,'00091001':{'vr':'UT','Value':['` + strings.Repeat("x", 9<<20) + `']}`), 413},
		{"", "POST", "/workitems?1.2.840.10008.5.1.4.34.5", order(""), 400},
		{"", "PUT", "/workitems", order(""), 405},
		{"", "DELETE", "/workitems/1.7", "", 405},
		{"", "PUT", "/workitems/1.7/state", `{}`, 400},
		{"", "PUT", "/workitems/1.7/state", fmt.Sprintf(stateOf, "RUNNING"), 400},
		{"", "PUT", "/workitems/1.7/state?transaction-uid=2.25.2", fmt.Sprintf(stateOf, "IN PROGRESS"), 400},
		{"", "PUT", "/workitems/1.7/state/WS1", fmt.Sprintf(stateOf, "IN PROGRESS"), 200},
		{"", "POST", "/workitems/1.7?transaction=2.25.1", `{}`, 200},
		{"", "POST", "/workitems/1.7?2.25.1", lock, 200},
		{"", "POST", "/workitems/1.7?2.25.2", lock, 400},
		{"", "POST", "/workitems/1.7", lock, 200},
		{"", "POST", "/workitems/1.7/cancelrequest/THIS-IS-MUCH-TOO-LONG", "", 400},
		{"", "POST", "/workitems/1.7/subscribers/A?deletionlock=perhaps", "", 400},
		{"", "POST", "/workitems/1.7/subscribers/A?deletionlock=TRUE", "", 201},
		{"", "POST", "/workitems/1.2.840.10008.5.1.4.34.5.1/subscribers/A", "", 400},
		{"", "POST", "/workitems/1.2.840.10008.5.1.4.34.5.1/subscribers/A?filter=Nonsense%3D1", "", 400},
		{"", "POST", "/workitems/1.2.840.10008.5.1.4.34.5.1/subscribers/A?ScheduledProcedureStepStartDateTime=soon", "", 400},
		{"", "POST", "/workitems/1.2.840.10008.5.1.4.34.5.1/subscribers/A?PatientID=P1&deletionlock=true", "", 201},
		{"", "POST", "/workitems/1.7/subscribers/A/suspend", "", 400},
		{"", "GET", "/workitems?limit=x", "", 400},
		{"", "GET", "/workitems?charset=latin1", "", 406},
		{"", "GET", "/workitems?fuzzymatching=perhaps", "", 400},
		{"", "GET", "/workitems?PatientID=A&PatientID=B", "", 400},
		{"", "GET", "/workitems/a%20b", "", 400},
		{"", "GET", "/subscribers/A", "", 426},
		{"", "GET", "/ws/subscribers/A", "", 426},
	} {
		s.call(c)
	}
	pairs := filterPairs("PatientID=A,B,00741202=X=Y,SOPInstanceUID=1.2,1.3")
	if d := cmp.Diff([]param{{"PatientID", "A,B"}, {"00741202", "X=Y"}, {"SOPInstanceUID", "1.2,1.3"}}, pairs, cmp.AllowUnexported(param{})); d != "" {
		t.Error(d)
	}
}

// Representations, entity tags, empty answers, and a worklist that is not served.
func TestWorklistRepresentations(t *testing.T) {
	s := serveWorklist(t)
	s.call(call{"", "POST", "/workitems?1.1", order(`,'00100010':{'vr':'PN','Value':[{'Alphabetic':'Đỗ^Thị'}]}`), 201})
	for accept, want := range map[string]string{
		"": mediaJSON, "*/*": mediaJSON, "application/json": "application/json", mediaXML: mediaXML,
		`multipart/related; type="application/dicom+xml"`:                  `multipart/related`,
		"application/dicom+json;q=0.1, application/dicom+xml;q=0.2":        mediaXML,
		"text/html, application/dicom+xml;q=0.5, application/json;q=0.500": mediaXML,
	} {
		w := s.get("/workitems/1.1", "Accept: "+accept)
		if got := w.Header().Get("Content-Type"); w.Code != 200 || !strings.HasPrefix(got, want) || !strings.Contains(w.Body.String(), "Thị") {
			t.Errorf("%q: status %d, %s", accept, w.Code, got)
		}
	}
	first := s.get("/workitems/1.1")
	if w := s.get("/workitems/1.1", "If-None-Match: "+first.Header().Get("ETag")); w.Code != http.StatusNotModified {
		t.Errorf("the same: status %d", w.Code)
	}
	s.call(call{"", "POST", "/workitems/1.1", `{"00404041":{"vr":"CS","Value":["INCOMPLETE"]}}`, 200})
	if w := s.get("/workitems/1.1", "If-None-Match: "+first.Header().Get("ETag")); w.Code != http.StatusOK {
		t.Errorf("after a change: status %d", w.Code)
	}
	w := s.get("/workitems", "Accept: "+`multipart/related; type="application/dicom+xml"`)
	if w.Code != 200 || strings.Count(w.Body.String(), "<NativeDicomModel") != 1 {
		t.Errorf("XML: %d %s", w.Code, w.Body)
	}
	for path, status := range map[string]int{"/workitems?PatientID=X": 200, "/workitems?offset=5": 200} {
		if w := s.get(path); w.Code != status || w.Body.String() != "[]" {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	s.call(call{"", "HEAD", "/workitems/1.1", "", 200})
	before := serveWorklist(t, func(c *Config) { c.EmptyNoContent = true })
	before.call(call{"", "GET", "/workitems", "", 204})
	if w := serve(t).get("/workitems"); w.Code != http.StatusNotFound {
		t.Errorf("a worklist that is not served: status %d", w.Code)
	}
}

// Event channels over a real connection: origins, both paths, what a peer sends is passed over.
func TestEventChannel(t *testing.T) {
	s := serveWorklist(t, func(c *Config) { c.Origins = []string{"https://viewer.example"} })
	srv := httptest.NewServer(s.h)
	defer srv.Close()
	base := "ws" + strings.TrimPrefix(srv.URL, "http") + "/dicom-web"
	s.call(call{"", "POST", "/workitems?1.1", order(""), 201})
	s.call(call{"", "POST", "/workitems/1.1/subscribers/A%20B", "", 201})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	dial := func(path, origin string) (*websocket.Conn, int) {
		t.Helper()
		h := http.Header{}
		if origin != "" {
			h.Set("Origin", origin)
		}
		conn, resp, err := websocket.Dial(ctx, base+path, &websocket.DialOptions{HTTPHeader: h})
		if err != nil {
			return nil, resp.StatusCode
		}
		return conn, resp.StatusCode
	}
	for origin, want := range map[string]int{
		"https://evil.example": 403, "null": 403, "https://viewer.example": 101, srv.URL: 101, "": 101,
	} {
		conn, got := dial("/subscribers/X", origin)
		if got != want {
			t.Errorf("origin %q: status %d, want %d", origin, got, want)
		}
		if conn != nil {
			if err := conn.Close(websocket.StatusNormalClosure, ""); err != nil {
				t.Error(err)
			}
		}
	}
	conn, _ := dial("/ws/subscribers/A%20B", "")
	if conn == nil {
		t.Fatal("no channel")
	}
	if err := conn.Write(ctx, websocket.MessageText, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	kind, frame, err := conn.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"00000002":{"vr":"UI","Value":["1.2.840.10008.5.1.4.34.6.1"]},"00000110":{"vr":"US","Value":[1]},"00001000":{"vr":"UI","Value":["1.1"]},"00001002":{"vr":"US","Value":[1]},` +
		`"00404041":{"vr":"CS","Value":["READY"]},"00741000":{"vr":"CS","Value":["SCHEDULED"]}}`
	if d := cmp.Diff(want, string(frame)); d != "" || kind != websocket.MessageText {
		t.Error(kind, d)
	}
	stopped := make(chan error, 1)
	go func() { stopped <- s.workitems.Stop(ctx) }()
	if _, frame, err = conn.Read(ctx); err != nil || !strings.Contains(string(frame), "GOING DOWN") {
		t.Errorf("%s %v", frame, err)
	}
	if _, _, err = conn.Read(ctx); websocket.CloseStatus(err) != websocket.StatusGoingAway {
		t.Errorf("the end: %v", err)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if _, status := dial("/subscribers/X", ""); status != http.StatusServiceUnavailable {
		t.Errorf("after the end: status %d", status)
	}
}

// HTTP/2 has no Upgrade: peers take an answer that names it for a broken stream.
func TestEventChannelHTTP2(t *testing.T) {
	s := serveWorklist(t)
	srv := httptest.NewUnstartedServer(s.h)
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	resp, err := srv.Client().Get(srv.URL + "/dicom-web/ws/subscribers/X")
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Error(err)
	}
	if resp.ProtoMajor != 2 || resp.StatusCode != http.StatusUpgradeRequired || resp.Header.Get("Upgrade") != "" {
		t.Errorf("HTTP/%d: %d, Upgrade %q", resp.ProtoMajor, resp.StatusCode, resp.Header.Get("Upgrade"))
	}
}

// A peer that neither reads nor answers does not hold up the end of the service.
func TestEventChannelStopsWithoutPeer(t *testing.T) {
	s := serveWorklist(t)
	s.call(call{"", "POST", "/workitems?1.1", order(""), 201})
	s.call(call{"", "POST", "/workitems/1.1/subscribers/DEAF", "", 201})
	pinging := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := s.workitems.Open(r.Context(), callers[""].own, "DEAF")
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		close(pinging)
		_ = (&channelSender{conn: conn, channel: c, wait: time.Hour, last: time.Millisecond}).run(r.Context()) // breaks off
	}))
	defer srv.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, srv.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.CloseNow() }()
	<-pinging
	if err := s.workitems.Stop(ctx); err != nil {
		t.Error(err)
	}
}
