package sqlite

import (
	"slices"

	"github.com/halong-gateway/halong/lab"
	"github.com/halong-gateway/halong/patient"
)

// patients remembers patients that messages named lately, and the versions of their reports: results of one person come close
// together. Like keys it is the committer's, and is emptied whenever something is taken back.
type patients struct {
	known   recent[patientKey, *patient.Patient]
	reports recent[reportsKey, *reports]

	authorities recent[authorityKey, struct{}] // that have a row
}

// Bounds of what is remembered. A patient with more versions of reports is asked for each time.
const (
	rememberedPatients = 4096
	rememberedHeads    = 8

	rememberedAuthorities = 256
)

type patientKey struct {
	facility      int64
	authority, id string
}

type authorityKey struct {
	facility  int64
	authority string
}

type reportsKey struct{ facility, patient int64 }

// reports are the versions of a patient's reports, those of one service in order of arrival: of all services, or of some.
type reports struct {
	all      bool
	services []string
	heads    []lab.Head
}

func (p *patients) clear() {
	p.known.clear()
	p.reports.clear()
	p.authorities.clear()
}

// patient gives a copy of a patient; nil if it is not remembered.
func (p *patients) patient(key patientKey) *patient.Patient {
	if who, ok := p.known.get(key); ok {
		return cloned(who)
	}
	return nil
}

func (p *patients) keep(key patientKey, who *patient.Patient) {
	p.known.n = rememberedPatients
	p.known.put(key, cloned(who))
}

func (p *patients) keepAuthority(key authorityKey) {
	p.authorities.n = rememberedAuthorities
	p.authorities.put(key, struct{}{})
}

func cloned(p *patient.Patient) *patient.Patient {
	c := *p
	c.Identifiers = slices.Clone(p.Identifiers)
	return &c
}

// heads gives the versions of the reports of one service; ok is false if they are not remembered.
func (p *patients) heads(key reportsKey, service string) (heads []lab.Head, ok bool) {
	r, ok := p.reports.get(key)
	if !ok || !r.has(service) {
		return nil, false
	}
	for i := range r.heads {
		if r.heads[i].Service == service {
			heads = append(heads, r.heads[i])
		}
	}
	return heads, true
}

func (r *reports) has(service string) bool { return r.all || slices.Contains(r.services, service) }

// keepHeads remembers what was asked for.
func (p *patients) keepHeads(key reportsKey, service string, heads []lab.Head) {
	r, ok := p.reports.get(key)
	if !ok {
		r = &reports{}
	}
	if len(r.heads)+len(heads) > rememberedHeads || len(r.services) >= rememberedHeads {
		return
	}
	r.services, r.heads = append(r.services, service), append(r.heads, heads...)
	p.keepReports(key, r)
}

func (p *patients) keepReports(key reportsKey, r *reports) {
	p.reports.n = rememberedPatients
	p.reports.put(key, r)
}

// add takes in a version that was added. One of a message that came long ago does not come last.
func (p *patients) add(key reportsKey, h *lab.Head) {
	r, ok := p.reports.get(key)
	if !ok || !r.has(h.Service) {
		return
	}
	later := func(other lab.Head) bool { return other.ID > h.ID }
	if len(r.heads) >= rememberedHeads || slices.ContainsFunc(r.heads, later) {
		p.reports.remove(key)
		return
	}
	r.heads = append(r.heads, *h)
}
