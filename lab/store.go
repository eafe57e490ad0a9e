package lab

import (
	"context"
	"slices"

	"github.com/halong-gateway/halong"
)

// MaxHeads bounds how far back a report is linked: to the latest versions of the same
// patient's reports of the same service.
const MaxHeads = 1000

// Store keeps versions. It never changes one.
type Store interface {
	// AddVersion adds a version. Its Content is valid only during the call.
	AddVersion(tx halong.Tx, v *Version) error
	// AddDocument adds a document of a report. The bytes are referred to if there is a live blob with the digest.
	AddDocument(tx halong.Tx, d *StoredDocument) error
	// Documents gives the documents of a report in the order of their numbers.
	Documents(tx halong.Tx, report ID) ([]StoredDocument, error)
	// Heads gives the latest MaxHeads versions of the reports of one service of a patient, and of those merged with it, in order
	// of arrival.
	Heads(tx halong.Tx, f halong.Facility, patient int64, service string) ([]Head, error)
}

// Reader reads committed versions, as far as the store keeps them: Library gives them whole.
type Reader interface {
	// Versions gives all versions of the reports of a patient, and of those merged with it, in order of arrival; of
	// patient 0 those whose messages named none.
	Versions(ctx context.Context, f halong.Facility, patient int64) ([]Version, error)
	// Report gives all versions of one report. The error is of kind NotExist if the scope sees none.
	Report(ctx context.Context, scope halong.Scope, id ID) ([]Version, error)
	// Recent gives the newest version of reports, the newest first, at most limit of them from before a version, and
	// where to go on; 0: that was all.
	Recent(ctx context.Context, scope halong.Scope, before ID, limit int) (heads []Head, next ID, err error)
	// Numbered gives the reports that bear a number of an order or specimen, as far as Library.IndexLab has come.
	Numbered(ctx context.Context, scope halong.Scope, number string) ([]ID, error)
	// Document gives one document. The error is of kind NotExist if the scope sees none.
	Document(ctx context.Context, scope halong.Scope, report ID, n int) (*StoredDocument, error)
	// OrderOf finds the order of a report by its numbers; ok is false if there is none.
	OrderOf(ctx context.Context, f halong.Facility, n Numbers) (order OrderRef, ok bool, err error)
	// Codes gives the codes and units that senders use, as far as Library.IndexLab has come.
	Codes(ctx context.Context, scope halong.Scope) ([]CodeUse, error)
	// Unindexed gives versions whose use of codes and numbers was not added yet, at most limit, and Behind how many there are, to a million.
	Unindexed(ctx context.Context, limit int) ([]Version, error)
	Behind(ctx context.Context) (int64, error)
	// AddUse adds the use that versions make which Unindexed gave. The error is of kind Conflict if it does not give the same any more.
	AddUse(ctx context.Context, versions []Version, u *Use) error
}

// Numbers are what a report may be linked to an order by.
type Numbers struct {
	Placer, Filler *Order
	Accession      string
	Specimens      []string // identifiers and barcodes
	Fillers        []string // what the laboratory calls specimens that have another identifier: it counts where no order has that
	Patient        int64    // the store's key; 0: none was named
}

// OrderRef names an order that a report belongs to.
type OrderRef struct {
	ID     int64  `json:"id,string"` // as /api/orders names it: JavaScript would round the number
	By     string `json:"by"`        // placer, filler, accession or specimen
	Status string `json:"status,omitempty"`
}

// Numbers gives what the report may be linked to an order by.
func (r *Report) Numbers() Numbers {
	n := Numbers{Placer: r.Placer, Filler: r.Filler, Accession: r.Accession}
	add := func(s *Specimen) {
		for _, id := range []string{s.ID, s.Container, s.Accession} {
			if id != "" && len(id) <= maxKey {
				n.Specimens = append(n.Specimens, id)
			}
		}
		if s.Filler != "" && len(s.Filler) <= maxKey {
			n.Fillers = append(n.Fillers, s.Filler)
		}
	}
	if r.Specimen != nil {
		add(r.Specimen)
	}
	for i := range r.Specimens {
		add(&r.Specimens[i])
	}
	return n
}

// All gives the numbers without their namespaces, each once.
func (n *Numbers) All() []string {
	var all []string
	add := func(s string) {
		if s == "" || len(s) > maxKey {
			return
		}
		for _, have := range all {
			if have == s {
				return
			}
		}
		all = append(all, s)
	}
	for _, o := range []*Order{n.Placer, n.Filler} {
		if o != nil {
			add(o.ID)
		}
	}
	add(n.Accession)
	for _, s := range slices.Concat(n.Specimens, n.Fillers) {
		add(s)
	}
	return all
}
