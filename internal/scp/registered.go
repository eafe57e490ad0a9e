package scp

import (
	"slices"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom/dimse"
)

// Mux gives the registry that drives negotiation, so that a conformance statement can be made of it. It must not be changed.
func (s *Server) Mux() *dimse.Mux { return s.dimse.Mux }

// Outcome is what a peer is told of an error of some kind.
type Outcome struct {
	Kind    halong.Kind
	Status  dimse.Status
	Comment string // Error Comment, unless there is a better one
}

// StoreOutcomes gives the statuses of C-STORE by kind of error, in order of the kinds.
func StoreOutcomes() []Outcome { return outcomes(storeStatus) }

// QueryOutcomes gives those of C-FIND, C-MOVE and C-GET.
func QueryOutcomes() []Outcome { return outcomes(queryStatus) }

// PerformedOutcomes gives those of N-CREATE, N-SET and N-GET of Modality Performed Procedure Steps.
func PerformedOutcomes() []Outcome { return outcomes(performedStatus) }

func outcomes[V ~struct {
	status  dimse.Status
	comment string
}](m map[halong.Kind]V) (list []Outcome) {
	for kind, v := range m {
		x := struct {
			status  dimse.Status
			comment string
		}(v)
		list = append(list, Outcome{kind, x.status, x.comment})
	}
	slices.SortFunc(list, func(a, b Outcome) int { return int(a.Kind) - int(b.Kind) })
	return list
}
