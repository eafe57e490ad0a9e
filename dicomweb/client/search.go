package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/halong-gateway/halong/dicom/dataset"
)

// Level is what a search gives.
type Level uint8

// Levels of searches (PS3.18 10.6).
const (
	Studies Level = iota
	Series
	Instances
)

// paths are the last parts of the resources that are searched.
var paths = [...]string{"/studies", "/series", "/instances"}

// Param is an attribute that must match: a keyword, a tag of eight hexadecimal digits or a path of them joined by dots, and
// the value as PS3.18 8.3.4.1 writes it. Text is UTF-8.
type Param struct{ Name, Value string }

// Query is a search (PS3.18 8.3.4, 10.6).
type Query struct {
	Level   Level
	In      Resource // only of this study or series; empty: of all
	Match   []Param
	Include []string // further attributes wanted, or "all"
	Fuzzy   bool     // fuzzymatching=true
	Offset  int      // results passed over
	Limit   int      // most results wanted; 0: all of them
	Page    int      // results asked for at a time; 0: 200
}

// Search gives the results one after the other, asking for page after page. A server may give fewer at a time than it is asked for: the search goes on until
// nothing more is there. After an error nothing follows.
func (c *Client) Search(ctx context.Context, q Query) iter.Seq2[*dataset.Set, error] {
	return c.search(ctx, q.In.path()+paths[min(int(q.Level), len(paths)-1)], q)
}

// search searches the resource with the path.
func (c *Client) search(ctx context.Context, path string, q Query) iter.Seq2[*dataset.Set, error] {
	return func(yield func(*dataset.Set, error) bool) {
		asked := q
		for given := 0; q.Limit <= 0 || given < q.Limit; {
			asked.Page = q.page()
			if q.Limit > 0 {
				asked.Page = min(asked.Page, q.Limit-given)
			}
			n, more, err := c.searchPage(ctx, path, asked, q.Limit-given, yield)
			if err != nil {
				yield(nil, err)
				return
			}
			if !more {
				return
			}
			given += n
			asked.Offset += n
		}
	}
}

// searchPage gives one page, and no more than are left if there is a limit; more tells whether another page may follow.
func (c *Client) searchPage(ctx context.Context, path string, q Query, left int, yield func(*dataset.Set, error) bool) (n int, more bool, err error) {
	resp, err := c.send(ctx, request{
		op: "Search", method: http.MethodGet, url: c.base() + path + "?" + q.parameters(), header: http.Header{"Accept": {"application/dicom+json"}},
	})
	if err != nil {
		return 0, false, err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNoContent {
		return 0, false, nil
	}
	for set, err := range objects(resp.Body) {
		if err != nil {
			return n, false, err
		}
		if n++; !yield(set, nil) || n == left {
			return n, false, nil
		}
	}
	// A server that gives more than it was asked for knows no pages, and has given all.
	return n, n > 0 && (n == q.Page || strings.HasPrefix(resp.Header.Get("Warning"), "299")), nil
}

// parameters gives the query string, every value percent-encoded.
func (q *Query) parameters() string {
	var b strings.Builder
	add := func(name, value string) {
		if b.Len() > 0 {
			b.WriteByte('&')
		}
		b.WriteString(name + "=" + escaped(value))
	}
	for _, p := range q.Match {
		add(url.QueryEscape(p.Name), p.Value)
	}
	for _, f := range q.Include {
		add("includefield", f)
	}
	if q.Fuzzy {
		add("fuzzymatching", "true")
	}
	add("limit", strconv.Itoa(q.page()))
	add("offset", strconv.Itoa(max(0, q.Offset)))
	return b.String()
}

// escaped percent-encodes what a value of a query must not hold (RFC 3986 3.4). What it may hold stays as it is, since some servers (Orthanc 1.10)
// do not decode wildcards; a space is no plus sign, which forms alone understand.
func escaped(value string) string {
	return unescaped.Replace(url.QueryEscape(value))
}

var unescaped = strings.NewReplacer("+", "%20", "%2A", "*", "%2C", ",", "%3F", "?", "%3A", ":", "%2F", "/", "%40", "@")

func (q *Query) page() int {
	if q.Page <= 0 {
		return 200
	}
	return q.Page
}
