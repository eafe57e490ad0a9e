package statement

import (
	"slices"
	"strconv"
	"strings"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicomweb"
	"github.com/halong-gateway/halong/storage"
)

// web is the part about the web services of PS3.18, made of the registry that routes and the Capabilities Description are made of.
func (p *page) web() {
	p.text(`
### 4.5 Web services

Origin server of the services of PS3.18 below ` + "`/dicom-web`" + ` and, for what is visible of one facility, ` + "`/dicom-web/facilities/{facility}`" + `; the URI service also at ` + "`/wado`" + `.
HTTP/1.1 and HTTP/2 (over TLS always; in clear with ` + "`http.h2c`" + `). OPTIONS of the base gives the same list as this section (8.9). What
each answer looks like in its edges is in [dicomweb.md](dicomweb.md). User agent for STOW-RS (forwarding); the package dicomweb/client has the other transactions for programs.

HEAD is there wherever GET is, OPTIONS everywhere; other methods are 405. Beside the statuses named, every transaction may answer ` + statusList(dicomweb.CommonStatuses) + `; refusals
are ` + "`application/problem+json`" + ` (RFC 9457).`)
	types := newNotes("media types")
	queries := newNotes("parameters")
	rows := [][]string{{"service", "transaction", "resource", "answers", "takes", "query", "statuses"}}
	for _, t := range p.f.Web {
		path := t.PathTemplate()
		if path == "" {
			path = "/"
		}
		row := []string{
			service18(t), transaction(t), "`" + t.Method + " " + path + "`", types.of(t.Accept), types.of(t.Takes), queries.of(t.Query), statusList(t.Statuses),
		}
		if t.Path == "/" { // the same as ""
			continue
		}
		rows = append(rows, row)
	}
	p.table(rows...)
	p.table(types.rows...)
	p.table(queries.rows...)
	p.text("Attributes that searches know by themselves. Others are matched and returned from the objects, in a bounded number of them.")
	rows = [][]string{{"level", "attribute", "tag", "matched by the index", "returned"}}
	for _, l := range []struct {
		level storage.Level
		name  string
	}{{storage.LevelStudy, "study"}, {storage.LevelSeries, "series"}, {storage.LevelInstance, "instance"}} {
		for _, a := range dicomweb.SearchAttributes(l.level) {
			returned := "when asked for"
			switch {
			case a.Returned:
				returned = "always"
			case a.Known:
				returned = "where known"
			}
			e, _ := dicom.Lookup(a.Tag) // what is indexed is in the dictionary
			rows = append(rows, []string{l.name, e.Keyword, a.Tag.String(), yes(a.Matched), returned})
		}
	}
	p.table(rows...)
}

func service18(t dicomweb.Transaction) string {
	switch {
	case t.Service != "":
		return t.Service
	case t.Section == "8.9":
		return "all"
	}
	return "Halong's own"
}

func transaction(t dicomweb.Transaction) string {
	if t.Section == "" {
		return t.Name
	}
	return t.Name + " (" + t.Section + ")"
}

func statusList(list []int) string {
	list = slices.Sorted(slices.Values(list))
	var texts []string
	for _, s := range slices.Compact(list) {
		texts = append(texts, strconv.Itoa(s))
	}
	return strings.Join(texts, " ")
}

// notes gives lists that occur again and again a letter each.
type notes struct{ rows [][]string }

func newNotes(what string) *notes { return &notes{rows: [][]string{{"", what}}} }

// of gives the letter of a list.
func (n *notes) of(list []string) string {
	if len(list) == 0 {
		return ""
	}
	text := "`" + strings.Join(list, "`, `") + "`"
	i := slices.IndexFunc(n.rows, func(r []string) bool { return r[1] == text })
	if i < 0 {
		i, n.rows = len(n.rows), append(n.rows, nil)
		n.rows[i] = []string{n.letter(i), text}
	}
	return n.rows[i][0]
}

func (n *notes) letter(i int) string {
	return n.rows[0][1][:1] + strconv.Itoa(i)
}
