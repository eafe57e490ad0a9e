package intake

import (
	"slices"
	"strconv"
	"strings"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/hl7v2"
	"github.com/halong-gateway/halong/internal/fold"
	"github.com/halong-gateway/halong/patient"
	"github.com/halong-gateway/halong/storage"
)

// Registry is what queries for patients are answered from.
type Registry interface {
	// FindPatientsIn gives the survivors of those who match.
	FindPatientsIn(tx halong.Tx, scope halong.Scope, q patient.Query) (patient.Found, error)
	// PatientGroupIn gives who survives of a patient, and who else is that person.
	PatientGroupIn(tx halong.Tx, key int64) (*patient.Group, error)
	// HasAuthority tells whether any patient of a facility bears an identifier of an assigning authority.
	HasAuthority(tx halong.Tx, f halong.Facility, authority string) (bool, error)
}

// Bounds of one answer to a query.
const (
	answerPatients = 100  // unless RCP-2 asks for fewer or more
	mostPatients   = 1000 // at most
	mostPages      = 20   // of the registry that are looked through for one answer
)

// queries answers QBP^Q22 (IHE PDQ, ITI-21: RSP^K22), QBP^Q23 (IHE PIX, ITI-9: RSP^K23) and QBP^Q21 (HL7 3.3.56: RSP^K21).
type queries struct{ in *Intake }

// Handle answers a query from what is known at this moment. The answer is kept with the message, and given again for a duplicate.
func (q queries) Handle(tx halong.Tx, m *storage.Message, h *hl7v2.Message) (Applied, error) {
	w := queryWork{in: q.in, tx: tx, facility: m.Facility, h: h, qpd: h.First("QPD")}
	if !w.qpd.Exists() {
		w.fail(0, 0, 0, hl7v2.SegmentSequenceError, "QPD is missing")
		return Applied{Answer: w.answer}, nil
	}
	var err error
	switch trigger(m, h) {
	case "Q23":
		err = w.crossReference()
	case "Q21":
		err = w.demographics()
	default:
		err = w.candidates()
	}
	return Applied{Answer: w.answer}, err
}

// queryWork is one query being answered.
type queryWork struct {
	in       *Intake
	tx       halong.Tx
	facility halong.Facility
	h        *hl7v2.Message
	qpd      hl7v2.Segment

	errors   []hl7v2.AckError
	patients []*patient.Patient // with the identifiers to be shown
	nameless bool               // names are not shown (ITI-9)
	next     string             // DSC-1
}

// fail says what is wrong with the query.
func (w *queryWork) fail(field, repetition, component int, code hl7v2.ErrorCode, text string) {
	w.errors = append(w.errors, hl7v2.AckError{Code: code, Segment: "QPD", Number: 1, Field: field, Repetition: repetition, Component: component, Text: text})
}

// answer completes the acknowledgement: QAK, QPD as it came, PID of each patient, DSC if there are more (HL7 5.3.2, 5.5.2).
func (w *queryWork) answer(k *hl7v2.Ack) {
	status := "OK"
	switch {
	case len(w.errors) > 0:
		status, k.Code = "AE", hl7v2.AE
		k.Errors = append(k.Errors, w.errors...)
	case len(w.patients) == 0:
		status = "NF"
	}
	k.Body = w.body(status, func(s string) string { return s })
	_, err := k.Body.Encode(w.h.Delimiters(), w.h.Charset())
	if err != nil || strings.TrimSpace(w.h.At("MSH-18").Text()) == "ASCII" { // a name without its diacritics is more than no answer
		k.Body = w.body(status, fold.Plain)
	}
}

// body makes the segments after MSA and ERR; names go through spell.
func (w *queryWork) body(status string, spell func(string) string) *hl7v2.Builder {
	b := &hl7v2.Builder{}
	b.Add("QAK").Set("QAK-1", strings.TrimSpace(w.qpd.Field(2).Text())).Set("QAK-2", status)
	name := w.qpd.Field(1)
	for i := 1; i <= 3; i++ {
		b.Set("QAK-3."+strconv.Itoa(i), name.Component(i).Text())
	}
	b.Copy(w.qpd)
	if len(w.errors) == 0 {
		for i, p := range w.patients {
			w.pid(b, i+1, p, spell)
		}
		if w.next != "" {
			b.Add("DSC").Set("DSC-1", w.next).Set("DSC-2", "I")
		}
	}
	return b
}

// pid writes the n-th PID.
func (w *queryWork) pid(b *hl7v2.Builder, n int, p *patient.Patient, spell func(string) string) {
	at := "PID[" + strconv.Itoa(n) + "]-"
	b.Add("PID").Set(at+"1", strconv.Itoa(n))
	for i, id := range p.Identifiers {
		to := at + "3[" + strconv.Itoa(i+1) + "]."
		b.Set(to+"1", id.ID).Set(to+"5", id.Type)
		if isOID(id.Authority) {
			b.Set(to+"4.2", id.Authority).Set(to+"4.3", "ISO")
		} else {
			b.Set(to+"4", id.Authority)
		}
	}
	if w.nameless {
		b.Set(at+"5[2].7", "S") // ITI-9: the name is left empty
		return
	}
	b.SetName(at+"5", 0, spell(p.Name)).Set(at+"7", strings.ReplaceAll(p.Birth, "-", "")).Set(at+"8", p.Sex)
}

// isOID tells whether an assigning authority is a universal ID of type ISO.
func isOID(s string) bool {
	return strings.Contains(s, ".") && strings.Trim(s, "0123456789.") == ""
}

// known tells whether identifiers of an assigning authority may exist here.
func (w *queryWork) known(authority string) (bool, error) {
	if w.in.cfg.Patients.Trusts(w.facility, authority) {
		return true, nil
	}
	return w.in.cfg.Registry.HasAuthority(w.tx, w.facility, authority)
}

// domains reads a list of assigning authorities, each the fourth component of a CX: QPD-4 of ITI-9, QPD-8 of ITI-21.
func (w *queryWork) domains(field int) (out []string) {
	for _, v := range w.qpd.Field(field).Repetitions() {
		out = append(out, v.CX().Authority)
	}
	return out
}

// checkDomains notes which of the domains asked for nobody here knows: none of the patients found bears an identifier of it, and no other does.
func (w *queryWork) checkDomains(field int, domains []string) error {
	for i, d := range domains {
		bears := func(p *patient.Patient) bool {
			return slices.ContainsFunc(p.Identifiers, func(id patient.Identifier) bool { return id.Authority == d })
		}
		if d != "" && slices.ContainsFunc(w.patients, bears) {
			continue
		}
		ok, err := w.known(d)
		if err != nil {
			return err
		}
		if !ok || d == "" {
			w.fail(field, i+1, 0, hl7v2.UnknownKeyIdentifier, "not a known assigning authority")
		}
	}
	return nil
}

// named finds the patient whose identifier stands in QPD-3; nil if there is none, which is noted as an error of the query.
func (w *queryWork) named() (*patient.Patient, hl7v2.CX, error) {
	c := w.qpd.Field(3).CX()
	if c.ID == "" {
		w.fail(3, 1, 1, hl7v2.RequiredFieldMissing, "QPD-3 holds no identifier")
		return nil, c, nil
	}
	found, err := w.in.cfg.Registry.FindPatientsIn(w.tx, halong.Scope{Own: w.facility}, patient.Query{Facility: w.facility, Identifier: c.ID, Authority: c.Authority})
	if err != nil {
		return nil, c, err
	}
	if len(found.Patients) == 1 { // without an authority it may be several people's
		return found.Patients[0], c, nil
	}
	if known, err := w.known(c.Authority); c.Authority != "" && !known {
		w.fail(3, 1, 4, hl7v2.UnknownKeyIdentifier, "not a known assigning authority")
		return nil, c, err
	}
	w.fail(3, 1, 1, hl7v2.UnknownKeyIdentifier, "not a known identifier")
	return nil, c, nil
}

// crossReference answers ITI-9: the identifiers that the person bears elsewhere.
func (w *queryWork) crossReference() error {
	w.nameless = true
	p, asked, err := w.named()
	if err != nil || p == nil {
		return err
	}
	domains := w.domains(4)
	g, err := w.in.cfg.Registry.PatientGroupIn(w.tx, p.Key)
	if err != nil {
		return err
	}
	out := &patient.Patient{Facility: w.facility}
	for _, x := range append([]*patient.Patient{g.Survivor}, g.Linked...) {
		if x.Facility != w.facility {
			continue // what others know is not this peer's business
		}
		for _, id := range x.Identifiers {
			same := id.ID == asked.ID && (id.Authority == asked.Authority || asked.Authority == "")
			if !same && !g.Retired(w.facility, id) && (len(domains) == 0 || slices.Contains(domains, id.Authority)) && !slices.Contains(out.Identifiers, id) {
				out.Identifiers = append(out.Identifiers, id)
			}
		}
	}
	if len(out.Identifiers) > 0 {
		w.patients = []*patient.Patient{out}
	}
	return w.checkDomains(4, domains)
}

// demographics answers QBP^Q21: who bears the identifier.
func (w *queryWork) demographics() error {
	p, _, err := w.named()
	if err == nil && p != nil {
		w.patients = []*patient.Patient{p}
	}
	return err
}
