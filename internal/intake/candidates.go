package intake

import (
	"slices"
	"strconv"
	"strings"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/hl7v2"
	"github.com/halong-gateway/halong/internal/fold"
	"github.com/halong-gateway/halong/patient"
)

// candidates answers ITI-21: patients by demographics.
func (w *queryWork) candidates() error {
	q, names := w.wanted()
	if len(w.errors) > 0 {
		return nil
	}
	domains := w.domains(8)
	q.Facility = w.facility
	limit := answerPatients
	if n, err := strconv.Atoi(strings.TrimSpace(w.h.At("RCP-2.1").Text())); err == nil && n > 0 {
		limit = min(n, mostPatients)
	}
	q.After, q.Limit = strings.TrimSpace(w.h.At("DSC-1").Text()), limit
	for range mostPages {
		found, err := w.in.cfg.Registry.FindPatientsIn(w.tx, halong.Scope{Own: w.facility}, q)
		if halong.KindOf(err) == halong.Invalid && err != nil {
			w.errors = append(w.errors, hl7v2.AckError{Code: hl7v2.UnknownKeyIdentifier, Segment: "DSC", Number: 1, Field: 1, Text: "not a continuation of this query"})
			return nil
		}
		if err != nil {
			return err
		}
		for _, p := range found.Patients {
			if p = within(p, domains); p != nil && names.match(p.Name) {
				w.patients = append(w.patients, p)
			}
		}
		w.next, q.After = found.Next, found.Next
		if q.Limit = limit - len(w.patients); found.Next == "" || q.Limit <= 0 {
			break
		}
	}
	return w.checkDomains(8, domains)
}

// within gives a patient with the identifiers of the assigning authorities asked for; nil if there are none (ITI-21, case 2).
func within(p *patient.Patient, domains []string) *patient.Patient {
	if len(domains) == 0 {
		return p
	}
	out := *p
	out.Identifiers = slices.DeleteFunc(slices.Clone(p.Identifiers), func(id patient.Identifier) bool { return !slices.Contains(domains, id.Authority) })
	if len(out.Identifiers) == 0 {
		return nil
	}
	return &out
}

// nameWords are the words that a name must hold; those that end with * are beginnings of one.
type nameWords []string

func (n nameWords) match(name string) bool {
	have := strings.Fields(fold.Name(name))
	for _, want := range n {
		prefix, open := strings.CutSuffix(want, "*")
		if !slices.ContainsFunc(have, func(w string) bool { return w == prefix || open && strings.HasPrefix(w, prefix) }) {
			return false
		}
	}
	return true
}

// wanted reads QPD-3: "@PID.5.1.1^NGUYEN~@PID.8^F" (HL7 5.9.5.3, a list of QIP).
func (w *queryWork) wanted() (q patient.Query, names nameWords) {
	for n, v := range w.qpd.Field(3).Repetitions() {
		field := strings.TrimPrefix(strings.ToUpper(strings.TrimSpace(v.Component(1).Text())), "@")
		value := strings.TrimSpace(v.Component(2).Text())
		if field == "" || value == "" {
			continue
		}
		if !w.want(&q, &names, field, value) {
			w.fail(3, n, 1, hl7v2.UnknownKeyIdentifier, "patients cannot be found by this")
		}
	}
	if q.Identifier == "" && q.Authority != "" {
		w.fail(3, 1, 1, hl7v2.RequiredFieldMissing, "an assigning authority without an identifier finds nobody")
	}
	if len(w.errors) == 0 && q.Identifier == "" && q.Birth == "" && len(q.Words()) == 0 {
		w.fail(3, 1, 1, hl7v2.RequiredFieldMissing, "an identifier, a name or a date of birth is needed")
	}
	return q, names
}

// want takes one search parameter; false if it is none that is known.
func (w *queryWork) want(q *patient.Query, names *nameWords, field, value string) bool {
	number, rest, _ := strings.Cut(strings.TrimPrefix(field, "PID."), ".")
	if !strings.HasPrefix(field, "PID.") {
		return false
	}
	switch number {
	case "3":
		switch rest {
		case "", "1":
			q.Identifier = value
		case "4", "4.1", "4.2":
			q.Authority = value
		case "4.3", "5":
			return true // the kind of authority or number narrows nothing
		default:
			return false
		}
	case "5":
		for _, word := range strings.Fields(value) {
			plain, open := strings.CutSuffix(word, "*")
			for i, f := range strings.Fields(fold.Name(plain)) {
				if open && i == len(strings.Fields(fold.Name(plain)))-1 {
					f += "*"
				}
				*names = append(*names, f)
			}
		}
		q.Name = strings.TrimSpace(q.Name + " " + value)
	case "7":
		t, ok := hl7v2.ParseTime(value)
		if !ok {
			return false
		}
		t.Parts, t.Zone = min(t.Parts, 3), false
		q.Birth = t.ISO()
	case "8":
		q.Sex = hl7v2.AdministrativeSex(value)
	default:
		return false
	}
	return true
}
