package statement

import (
	"fmt"
	"slices"
	"strings"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/negotiate"
	"github.com/halong-gateway/halong/dicom/pdu"
)

// initiation is PS3.2 A.4.2.1.3: what we ask for.
func (p *page) initiation() {
	p.text(`
#### 4.2.10 Association initiation

Each activity asks for an Association of its own. Proposed Presentation Contexts, as they are on the wire, with all the options that may be asked for:`)
	rows := [][]string{{"activity", "SOP Class", "Transfer Syntaxes, a row a Presentation Context", "role", "extended negotiation"}}
	for _, a := range p.f.Asked {
		for _, rq := range a.Requests {
			rows = append(rows, proposals(a, rq)...)
		}
	}
	p.table(distinct(rows)...)
	p.text(`
Objects are proposed by what they are (` + "`halong send`" + `, sub-operations of C-MOVE, forwarding): one Presentation Context for SOP Class and stored Transfer Syntax, and a second one with what the object can be
converted to without loss:`)
	rows = [][]string{{"stored in", "proposed too"}}
	others := map[string][]string{}
	var order []string
	for _, ts := range dicom.TransferSyntaxes() {
		if !ts.Pixels {
			continue
		}
		second := "nothing"
		if list := negotiate.Contexts(negotiate.Pair{SOPClass: dicom.VerificationSOPClass, TransferSyntax: ts.UID}); len(list) > 1 {
			second = contextList(list[1].TransferSyntaxes)
		}
		if others[second] == nil {
			order = append(order, second)
		}
		others[second] = append(others[second], ts.Name)
	}
	for _, second := range order {
		names := strings.Join(others[second], ", ")
		if len(others[second]) > 4 {
			names = fmt.Sprintf("any of the %d others of 8.2", len(others[second]))
		}
		rows = append(rows, []string{names, second})
	}
	p.table(rows...)
}

// proposals are the rows of one A-ASSOCIATE-RQ; the many Storage SOP Classes of a C-GET make one for all.
func proposals(a Activity, rq *pdu.AssociateRQ) (rows [][]string) {
	storage := map[string]int{}
	var groups []string
	for _, c := range rq.Contexts {
		class, ok := dicom.LookupSOPClass(c.AbstractSyntax)
		list := contextList(c.TransferSyntaxes)
		if ok && class.Kind == dicom.Storage {
			if storage[list] == 0 {
				groups = append(groups, list)
			}
			storage[list]++
			continue
		}
		rows = append(rows, []string{a.Name, class.Name, list, role(rq, c.AbstractSyntax), asked(rq, c.AbstractSyntax)})
	}
	for _, list := range groups {
		rows = append(rows, []string{a.Name, "Storage SOP Classes of what is asked for, or the common ones", list, "SCP", "none"})
	}
	return rows
}

func role(rq *pdu.AssociateRQ, class dicom.UID) string {
	for _, r := range rq.User.Roles {
		if r.SOPClass == class && r.SCP {
			if r.SCU {
				return "SCU and SCP"
			}
			return "SCP"
		}
	}
	return "SCU"
}

// asked names the bits of the extended negotiation that are asked for.
func asked(rq *pdu.AssociateRQ, class dicom.UID) string {
	var names []string
	for _, x := range rq.User.Extended {
		for i, v := range x.Application {
			if x.SOPClass == class && v == 1 && i < len(bits) {
				names = append(names, bits[i])
			}
		}
	}
	if names == nil {
		return "none"
	}
	return strings.Join(names, ", ")
}

// distinct leaves out rows that were there before.
func distinct(rows [][]string) (out [][]string) {
	for _, r := range rows {
		if !slices.ContainsFunc(out, func(o []string) bool { return slices.Equal(o, r) }) {
			out = append(out, r)
		}
	}
	return out
}
