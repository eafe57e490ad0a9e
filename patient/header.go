package patient

import (
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/halong-gateway/halong"
)

// Header is what the header of a SOP Instance says of its patient (PS3.3 C.7.1.1), in UTF-8.
type Header struct {
	ID     string // Patient ID (0010,0020)
	Issuer string // Issuer of Patient ID (0010,0021)
	Name   string // Patient's Name (0010,0010)
	Birth  string // Patient's Birth Date (0010,0030), YYYYMMDD
	Sex    string // Patient's Sex (0010,0040)
}

// Whose finds the patient that a header names among those of its facility that bear its Patient ID and are
// registered; nil if there is none, or it is not certain which: then what was received is served.
func (p *Policy) Whose(f halong.Facility, h Header, among []*Patient) *Patient {
	own := p.of(f).Own
	with := func(authority string) *Patient {
		for _, x := range among {
			if id, ok := x.Identity(); ok && id.Authority == authority {
				return x
			}
		}
		return nil
	}
	switch {
	case h.Issuer != "":
		if x := with(h.Issuer); x != nil || h.Issuer != own {
			return x
		}
		return with("")
	case own != "":
		if x := with(own); x != nil {
			return x
		}
		return with("")
	}
	if x := with(""); x != nil {
		return x
	}
	if len(among) == 1 {
		return among[0]
	}
	return nil
}

// Serve gives the header to be served of what was received with h of the patient whose, who survives as survivor, the
// same if it was not merged. What is not known of the survivor stays as it was received.
func (p *Policy) Serve(h Header, whose, survivor *Patient) Header {
	merged := whose.Key != survivor.Key
	out := h
	if merged {
		from, _ := whose.Identity()
		to, _ := survivor.Identity()
		out.ID = to.ID
		if from.Authority != to.Authority {
			out.Issuer = to.Authority
		}
	}
	if p.Demographics == DemographicsReceived || !merged && !p.Served(survivor) {
		return out
	}
	if n := survivor.Name; n != "" && !sameName(n, h.Name) {
		out.Name = n
	}
	if b := survivor.birthDA(); b != "" {
		out.Birth = b
	}
	if s := survivor.sexCS(); s != "" {
		out.Sex = s
	}
	return out
}

// sameName tells whether a header's name says what is registered; further component groups (PS3.5 6.2.1.1) do not count.
func sameName(registered, received string) bool {
	first, _, _ := strings.Cut(received, "=")
	plain := func(s string) string { return norm.NFC.String(strings.TrimRight(strings.TrimSpace(s), "^ ")) }
	return plain(registered) == plain(first)
}

// birthDA gives the date of birth as DICOM writes it; empty unless it is a whole date.
func (p *Patient) birthDA() string {
	b := strings.ReplaceAll(p.Birth, "-", "")
	if len(p.Birth) != len("2006-01-02") || len(b) != 8 || strings.Trim(b, "0123456789") != "" {
		return ""
	}
	return b
}

// sexCS gives the sex as DICOM writes it; empty if the value of table 0001 is none of M, F, O, A.
func (p *Patient) sexCS() string {
	switch p.Sex {
	case "M", "F", "O":
		return p.Sex
	case "A", "N": // ambiguous, not applicable
		return "O"
	}
	return ""
}
