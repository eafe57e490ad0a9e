package dicomweb

import "net/http"

// gone turns "there is no such resource" into 410 where the resource was deleted (PS3.18 10.4.3, RFC 9110 15.5.11). What a
// note rejected stays 404, as IHE wants it.
func (q *request) gone(p *problem) *problem {
	r := q.Request()
	if p.status != http.StatusNotFound || q.Deletions == nil || r.Method != http.MethodGet && r.Method != http.MethodHead || q.param("study") == "" {
		return p
	}
	deleted, err := q.Deletions.WasDeleted(q.ctx, q.scope, q.ref())
	switch {
	case err != nil:
		return asProblem(err)
	case deleted:
		return &problem{http.StatusGone, "The resource was deleted.", p.err}
	}
	return p
}
