package dicomweb

import (
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
)

// Transaction is one transaction of PS3.18 as it is served. The list of them is the
// one registry of which the routes, the Capabilities Description (8.9, annex H) and
// the conformance statement are made.
type Transaction struct {
	ID      string // in the Capabilities Description: "SearchForStudies"
	Name    string // as the standard calls it: "Search"
	Section string // of PS3.18: "10.6"
	Service string // the service of PS3.18 it belongs to: "Studies", "Worklist", "URI"; empty for Halong's own
	Method  string // of HTTP
	// Path is below the service's base, with parameters as the router has them: "/studies/:study".
	Path     string
	Accept   []string // media types that answers can have; the first is the default
	Takes    []string // media types that a payload can have; empty: there is none
	Query    []string // query parameters that mean something here; "{attribute}" stands for keywords, tags and paths of them
	Headers  []string // request header fields that mean something here, beside Accept
	Statuses []int    // that it answers with, beside those of every transaction

	operation string // of Observation
	handler   func(*request) error
}

// CommonStatuses are those that every transaction may answer with.
var CommonStatuses = []int{
	http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusInternalServerError, http.StatusServiceUnavailable,
}

// Transactions gives what is served with a configuration, in the order of the standard.
func Transactions(cfg Config) []Transaction { return transactions(&cfg) }

// transactions is the registry. A further service adds its list here.
func transactions(cfg *Config) []Transaction {
	return slices.Concat(
		capabilityTransactions(),
		uriTransactions(),
		studyTransactions(cfg),
		deleteTransactions(cfg),
		workitemTransactions(cfg),
	)
}

// register adds the routes of the registry to g: HEAD with every GET, OPTIONS
// everywhere, and 405 for the other methods (RFC 9110 15.5.6; the router would do so itself but for the groups' middleware).
func (s *service) register(g *echo.Group, list []Transaction) {
	var paths []string
	methods := map[string][]string{}
	for _, t := range list {
		if !slices.Contains(paths, t.Path) {
			paths = append(paths, t.Path)
		}
		methods[t.Path] = append(methods[t.Path], t.Method)
		if t.Method == http.MethodGet {
			methods[t.Path] = append(methods[t.Path], http.MethodHead)
		}
	}
	for _, t := range list {
		if t.Method == http.MethodOptions {
			continue // every path has it
		}
		handler := s.handle(t.operation, t.handler)
		g.Add(t.Method, t.Path, handler)
		if t.Method == http.MethodGet {
			g.HEAD(t.Path, handler)
		}
	}
	for _, path := range paths {
		allowed := allow(methods[path])
		g.OPTIONS(path, s.options(path, allowed))
		for _, m := range []string{http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodPost, http.MethodGet, http.MethodHead} {
			if !slices.Contains(methods[path], m) {
				g.Add(m, path, s.handle("refuse", notAllowed(allowed)))
			}
		}
	}
}

// allow gives the value of Allow.
func allow(methods []string) string {
	slices.Sort(methods)
	methods = slices.Compact(methods)
	return strings.Join(append(slices.DeleteFunc(methods, func(m string) bool { return m == http.MethodOptions }), http.MethodOptions), ", ")
}

// notAllowed answers 405 (RFC 9110 15.5.6).
func notAllowed(methods string) func(*request) error {
	return func(q *request) error {
		q.Response().Header().Set(echo.HeaderAllow, methods)
		return fail(http.StatusMethodNotAllowed, "The resource does not have this method.")
	}
}
