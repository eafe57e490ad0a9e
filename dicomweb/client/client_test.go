package client

import (
	"context"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// parts gives texts one after the other.
func parts(texts ...string) func() (Part, error) {
	return func() (Part, error) {
		if len(texts) == 0 {
			return Part{}, io.EOF
		}
		p := Part{ContentType: "application/dicom", Body: strings.NewReader(texts[0])}
		texts = texts[1:]
		return p, nil
	}
}

// TestStore: what the server gets, and what it says.
func TestStore(t *testing.T) {
	var got []string
	var auth, accept string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, rq *http.Request) {
		auth, accept = rq.Header.Get("Authorization"), rq.Header.Get("Accept")
		_, params, err := mime.ParseMediaType(rq.Header.Get("Content-Type"))
		if err != nil || params["type"] != "application/dicom" || rq.URL.Path != "/dw/studies" {
			t.Error(rq.Header, rq.URL, err)
			return
		}
		for r := multipart.NewReader(rq.Body, params["boundary"]); ; {
			p, err := r.NextPart()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Error(err)
				return
			}
			b, err := io.ReadAll(p)
			if err != nil {
				t.Error(err)
			}
			got = append(got, p.Header.Get("Content-Type")+" "+string(b))
		}
		w.Header().Set("Content-Type", "application/dicom+json")
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, "{}") // the client reads it, or the test fails
	}))
	defer s.Close()
	c := &Client{URL: s.URL + "/dw/", Token: "abc"}
	a, err := c.Store(context.Background(), parts("one", strings.Repeat("x", 1<<20)))
	want := &Answer{Status: 202, RetryAfter: 7 * time.Second, ContentType: "application/dicom+json", Body: []byte("{}")}
	if d := cmp.Diff(want, a); d != "" || err != nil {
		t.Errorf("%v\n%s", err, d)
	}
	if d := cmp.Diff([]string{"application/dicom one", "application/dicom " + strings.Repeat("x", 1<<20)}, got); d != "" {
		t.Error(d)
	}
	if auth != "Bearer abc" || accept != "application/dicom+json" {
		t.Error(auth, accept)
	}
}

// TestStoreEnds: an error of a part is given back; so is that of the context; a server that answers early is heard, and one that
// stops reading, or does not answer, is given up.
func TestStoreEnds(t *testing.T) {
	leave := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, rq *http.Request) {
		switch rq.URL.Path {
		case "/stuck/studies":
			<-leave
		case "/mute/studies":
			_, _ = io.Copy(io.Discard, rq.Body) // cut by the client
			<-leave
		case "/early/studies":
			w.WriteHeader(http.StatusUnauthorized)
		default:
			_, _ = io.Copy(io.Discard, rq.Body) // cut by the client
		}
	}))
	defer s.Close()
	defer close(leave)
	errPart := errors.New("damaged")
	endless := func() (Part, error) { return Part{Body: endlessly{}}, nil }
	failing := func() (Part, error) { return Part{Body: io.MultiReader(strings.NewReader("x"), failure{errPart})}, nil }
	ctx := context.Background()
	if _, err := (&Client{URL: s.URL + "/x"}).Store(ctx, failing); !errors.Is(err, errPart) {
		t.Error(err)
	}
	if _, err := (&Client{URL: s.URL + "/x"}).Store(ctx, func() (Part, error) { return Part{}, errPart }); !errors.Is(err, errPart) {
		t.Error(err)
	}
	if a, err := (&Client{URL: s.URL + "/early"}).Store(ctx, endless); err != nil && !strings.Contains(err.Error(), "reset") && !strings.Contains(err.Error(), "pipe") || err == nil && a.Status != http.StatusUnauthorized {
		t.Errorf("%+v, %v", a, err)
	}
	if _, err := (&Client{URL: s.URL + "/stuck", Stall: 200 * time.Millisecond}).Store(ctx, endless); !errors.Is(err, ErrStalled) {
		t.Error(err)
	}
	if _, err := (&Client{URL: s.URL + "/mute", Answer: 200 * time.Millisecond}).Store(ctx, parts("x")); !errors.Is(err, ErrStalled) {
		t.Error(err)
	}
	over, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := (&Client{URL: s.URL + "/x"}).Store(over, parts("x")); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

type endlessly struct{}

func (endlessly) Read(p []byte) (int, error) { return len(p), nil }

type failure struct{ err error }

func (f failure) Read([]byte) (int, error) { return 0, f.err }

// TestCheckURL: what can be the URL of a service.
func TestCheckURL(t *testing.T) {
	for text, good := range map[string]bool{
		"https://a.example/dicom-web": true, "http://127.0.0.1:8080": true, "": false, "a.example": false, "ftp://a": false, "https://": false,
		"https://u:p@a.example": false, "https://a.example/?x=1": false, "https://a.example/#x": false,
	} {
		if err := CheckURL(text); (err == nil) != good {
			t.Errorf("%q: %v", text, err)
		}
	}
}
