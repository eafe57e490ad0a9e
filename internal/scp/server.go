package scp

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/commitment"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/internal/access"
	"github.com/halong-gateway/halong/storage"
)

// Storer takes objects in. Store reads in.Body to its end unless it fails. The
// error's kind says what the sender is told; when it is nil, or of kind Conflict, the object is
// durable and findable.
type Storer interface {
	Store(ctx context.Context, in storage.Inbound) (storage.Receipt, error)
}

// Metrics counts Associations. Its methods are called by many goroutines at once.
type Metrics interface {
	AssociationOpened()
	AssociationClosed()
	// AssociationRefused is called when a connection came to no Association.
	AssociationRefused()
	// Answered is called after each response: the operation ("C-STORE"), its status
	// as four hexadecimal digits, and how long it took from the whole command set on.
	Answered(operation, status string, took time.Duration)
}

// Config says what is served, and to whom.
type Config struct {
	Storer       Storer
	Archive      Archive                 // answers queries and retrievals; nil for none
	Worklist     Worklist                // the Modality Worklist; nil for none
	Performed    Performed               // keeps Modality Performed Procedure Steps; nil for none
	Worklists    map[string]WorklistPeer // what holds for the worklist of some, by calling AE title
	Commitments  storage.CommitmentIndex // keeps Storage Commitments, with Archive; nil for none
	Reports      dimse.Service           // takes N-EVENT-REPORTs of commitments that others were asked for; nil for none
	Destinations []Destination           // of C-MOVE, and of Storage Commitment's reports
	AE           string                  // our AE title
	// Titles are further AE titles of ours, and whose they are: Associations that call one are with that facility.
	Titles        map[string]halong.Facility
	CheckCalledAE bool // refuse Associations that call another title than AE and those of Titles
	// RejectUnknown refuses SOP Classes that are not in PS3.6 annex A; else they are taken as Storage.
	RejectUnknown bool
	Peers         access.Peers // allow-list; empty lets everybody in
	// Strangers is what those see who are not in Peers; they may store too. nil keeps them out, or, without Peers, tells
	// nobody apart.
	Strangers  *halong.Scope
	Identities *access.Identities // users; nil asks nobody who it is
	Facility   halong.Facility    // of objects from peers that have none of their own

	MaxLength       uint32 // Maximum Length Received announced; default 128 KiB
	MaxAssociations int    // default 256
	MaxPerPeer      int    // by IP address; default 64
	AsyncOperations uint16 // requests that a peer may have under way on one Association; default 1
	Timeouts        dimse.Timeouts

	Metrics Metrics // may be nil
	// Committed, if not nil, is told of Storage Commitments: "complete" or "failures" when one was checked, "reported" or
	// "unreported" when the peer knows or was given up.
	Committed func(outcome string)
	Log       *slog.Logger // may be nil
}

// Server is a Storage, Query/Retrieve and Storage Commitment SCP.
type Server struct {
	cfg    Config
	commit *committer // nil for none
	dimse  dimse.Server
	facade observer
	pool   *pool // of Associations with destinations of C-MOVE

	mu       sync.Mutex
	serving  int    // listeners
	stopWork func() // ends the committer, when the last one does
}

// New makes a Server that serves nobody yet.
func New(cfg Config) *Server {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Facility == "" {
		cfg.Facility = halong.DefaultFacility
	}
	s := &Server{cfg: cfg, pool: newPool(poolIdle)}
	s.facade = observer{metrics: cfg.Metrics, log: cfg.Log}
	if cfg.Commitments != nil && cfg.Archive != nil {
		s.commit = newCommitter(&s.cfg)
		s.facade.closed = s.commit.left
		s.dimse.Idle = s.commit.idle
	}
	s.dimse.Mux, s.dimse.Policy, s.dimse.Observe = s.mux(), s.admit, &s.facade
	s.dimse.MaxLength, s.dimse.Timeouts = cfg.MaxLength, cfg.Timeouts
	s.dimse.MaxAssociations, s.dimse.MaxPerPeer, s.dimse.AsyncOperations = cfg.MaxAssociations, cfg.MaxPerPeer, cfg.AsyncOperations
	return s
}

// Serve accepts Associations until Shutdown, then gives dimse.ErrServerClosed. It may be called for several
// listeners at once. Meanwhile Storage Commitments are worked on, also those from before.
func (s *Server) Serve(l net.Listener) error {
	if s.commit != nil {
		s.work()
		defer s.rest()
	}
	return s.dimse.Serve(l)
}

// work starts the committer with the first listener.
func (s *Server) work() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.serving++; s.serving > 1 {
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); s.commit.run(ctx) }()
	s.stopWork = func() { stop(); <-done }
}

// rest ends it with the last one.
func (s *Server) rest() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.serving--; s.serving == 0 {
		s.stopWork()
	}
}

// Shutdown takes no new Associations and waits for running ones; when ctx ends
// they are aborted.
func (s *Server) Shutdown(ctx context.Context) error {
	defer s.pool.close(ctx)
	return s.dimse.Shutdown(ctx)
}

// mux registers what is served.
func (s *Server) mux() *dimse.Mux {
	m := &dimse.Mux{}
	m.Handle(dicom.VerificationSOPClass, dimse.Offer{Service: verification{}, Accepts: nativeSyntax})
	store := dimse.Offer{
		Service: &storageService{storer: s.cfg.Storer, log: s.cfg.Log, serves: s.servesStorage}, Accepts: pixelSyntax, PeerSCP: s.cfg.Archive != nil, Concurrent: true,
		ServiceClass: dimse.StorageServiceClass, Related: s.mayServeStorage,
	}
	m.HandleFunc(s.servesStorage, store)
	if s.cfg.Archive != nil {
		s.queryRetrieve(m)
	}
	s.procedures(m)
	if s.commit != nil || s.cfg.Reports != nil {
		m.Handle(commitment.SOPClass, dimse.Offer{Service: &commitService{s.commit, s.cfg.Reports}, Accepts: nativeSyntax, PeerSCP: s.cfg.Reports != nil})
	}
	return m
}

// procedures registers the Modality Worklist and Modality Performed Procedure Steps.
func (s *Server) procedures(m *dimse.Mux) {
	c := &s.cfg
	if c.Worklist != nil {
		m.Handle(ModalityWorklist, dimse.Offer{Service: forSeeing{&worklistService{c.Worklist, c.Worklists, time.Now, c.Log}}, Accepts: nativeSyntax, Extended: extendedFind})
	}
	if c.Performed != nil {
		service := &performedService{c.Performed, c.Log}
		m.Handle(PerformedProcedureStep, dimse.Offer{Service: service, Accepts: nativeSyntax})
		m.Handle(PerformedProcedureStepRetrieve, dimse.Offer{Service: forSeeing{service}, Accepts: nativeSyntax})
	}
}

// queryRetrieve registers the Query/Retrieve SOP Classes.
func (s *Server) queryRetrieve(m *dimse.Mux) {
	c := &s.cfg
	for i := range models {
		x := &models[i]
		offer := func(class dicom.UID, service dimse.Service) {
			m.Handle(class, dimse.Offer{Service: forSeeing{service}, Accepts: nativeSyntax, Extended: extendedRetrieve})
		}
		m.Handle(x.find, dimse.Offer{Service: forSeeing{&findService{c.Archive, x, c.AE, c.Log}}, Accepts: nativeSyntax, Extended: extendedFind})
		offer(x.get, &getService{c.Archive, x, c.Log})
		offer(x.move, &moveService{c.Archive, x, c.AE, c.Destinations, s.pool, c.Timeouts, c.Log})
	}
}

// mayServeStorage tells whether a SOP Class may be taken as Storage because the peer says that it is: every one that the standard this was
// built from does not know, unless the configuration forbids that.
func (s *Server) mayServeStorage(class dicom.UID) bool {
	_, known := dicom.LookupSOPClass(class)
	return !known && !s.cfg.RejectUnknown
}

// servesStorage tells whether objects of a SOP Class are taken: every Storage
// SOP Class of the standard, and unknown ones unless the configuration forbids it.
func (s *Server) servesStorage(class dicom.UID) bool {
	if c, ok := dicom.LookupSOPClass(class); ok {
		return c.Kind == dicom.Storage
	}
	return !s.cfg.RejectUnknown && mayBeStorage(class)
}
