package conformance

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/pdu"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/internal/app/config"
	"github.com/halong-gateway/halong/internal/scu"
)

// size gives the size of a stress test: small in make test, full in make nightly (HALONG_NIGHTLY).
func size(small, full int) int {
	if os.Getenv("HALONG_NIGHTLY") != "" {
		return full
	}
	return small
}

// memoryOf gives a line of a process' status in bytes: VmRSS: is what it holds, VmHWM: the most it ever held.
func memoryOf(t *testing.T, pid int, which string) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == which {
			n, err := strconv.Atoi(f[1])
			if err != nil {
				t.Fatal(err)
			}
			return n << 10
		}
	}
	t.Fatal("no " + which)
	return 0
}

// TestIdleAssociations: 200 Associations, each with 128 Presentation Contexts, open and idle cost the program less than 20 MB.
func TestIdleAssociations(t *testing.T) {
	const associations, most = 200, 20 << 20
	c := t.TempDir() + "/halong.yaml"
	if err := os.WriteFile(c, []byte("dicom: {max_associations_per_peer: 300}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, t.TempDir(), "--config", c)
	var contexts []pdu.ProposedContext
	for _, class := range dicom.StorageSOPClasses() {
		if len(contexts) < pdu.MaxContexts {
			contexts = append(contexts, pdu.ProposedContext{AbstractSyntax: class.UID, TransferSyntaxes: []dicom.UID{dicom.ExplicitVRLittleEndian, dicom.ImplicitVRLittleEndian}})
		}
	}
	contexts[0].AbstractSyntax = dicom.VerificationSOPClass
	open := func() *dimse.Association {
		a, err := dimse.Dial(t.Context(), p.DICOM, dimse.Options{CallingAE: "TEST", CalledAE: "HALONG", Contexts: contexts})
		if err != nil {
			t.Fatal(err)
		}
		if len(a.Contexts()) != len(contexts) {
			t.Fatalf("%d of %d contexts accepted", len(a.Contexts()), len(contexts))
		}
		if err := a.Echo(t.Context()); err != nil {
			t.Fatal(err)
		}
		return a
	}
	for range 20 { // what the first ones need once
		if err := open().Release(); err != nil {
			t.Fatal(err)
		}
	}
	before := memoryOf(t, p.cmd.Process.Pid, "VmRSS:")
	all := make([]*dimse.Association, associations)
	for i := range all {
		all[i] = open()
	}
	grown := memoryOf(t, p.cmd.Process.Pid, "VmRSS:") - before
	t.Logf("%d associations with %d contexts: %d KiB more resident, %d KiB before", associations, len(contexts), grown>>10, before>>10)
	if grown > most {
		t.Errorf("resident memory grew by %d bytes, want at most %d", grown, most)
	}
	for _, a := range all {
		if err := a.Echo(t.Context()); err != nil {
			t.Error(err)
		}
		if err := a.Release(); err != nil {
			t.Error(err)
		}
	}
}

// Test64Finds: 64 C-FINDs of 1,000 matches each at once.
func Test64Finds(t *testing.T) {
	const finds, matches = 64, 1000
	data := t.TempDir()
	fill(t, data, matches, 1)
	c := onLoopback(data)
	c.DICOM.MaxPerPeer = 2 * finds
	g := serve(t, c)
	var wg sync.WaitGroup
	var answers atomic.Int64
	for i := range finds {
		wg.Go(func() {
			keys := &dataset.Set{}
			for _, want := range []dicom.Tag{tag.StudyInstanceUID, tag.PatientName, tag.PatientID, tag.ModalitiesInStudy} {
				keys.Put(dataset.Element{Tag: want, VR: dicom.VROf(want)})
			}
			seen := map[string]bool{}
			n, err := scu.Find(t.Context(), scu.Target{Address: g.DICOM, CallingAE: fmt.Sprintf("TEST%d", i), CalledAE: "HALONG"},
				scu.Query{Level: "STUDY", Keys: keys}, func(s *dataset.Set) error {
					seen[s.String(tag.StudyInstanceUID)] = true
					return nil
				})
			answers.Add(int64(n))
			if err != nil || n != matches || len(seen) != matches {
				t.Errorf("find %d: %d answers, %d studies, %v", i, n, len(seen), err)
			}
		})
	}
	wg.Wait()
	t.Logf("%d answers", answers.Load())
}

// receiver is a Storage SCP that remembers what it took, over all its lives.
type receiver struct {
	addr string

	mu     sync.Mutex
	took   map[dicom.UID]bool
	fallAt int // objects after which it dies, once
	server *dimse.Server
	dead   chan struct{} // closed when it died
}

func (r *receiver) Serve(_ context.Context, rq *dimse.Request) dimse.Response {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fallAt > 0 && len(r.took) >= r.fallAt {
		r.fallAt = 0
		go r.kill(r.dead)
	}
	r.took[rq.Command.AffectedSOPInstance] = true
	return dimse.Answer(dimse.Success)
}

func (r *receiver) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.took)
}

// live starts it, at the address that it had before.
func (r *receiver) live(t *testing.T) {
	t.Helper()
	if r.addr == "" {
		r.addr, r.took, r.dead = "127.0.0.1:0", map[dicom.UID]bool{}, make(chan struct{})
	}
	var l net.Listener
	eventually(t, "its port is free again", func() bool {
		var err error
		l, err = net.Listen("tcp", r.addr)
		return err == nil
	})
	m := &dimse.Mux{}
	m.HandleFunc(func(dicom.UID) bool { return true }, dimse.Offer{Service: r, Accepts: func(dicom.UID) bool { return true }})
	r.addr, r.server = l.Addr().String(), &dimse.Server{Mux: m}
	s := r.server
	go func() { _ = s.Serve(l) }() // until it is killed
	t.Cleanup(func() { r.shut(s) })
}

// shut ends a life at once: what is open is aborted.
func (*receiver) shut(s *dimse.Server) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = s.Shutdown(ctx) // that it was cut short is the point
}

func (r *receiver) kill(dead chan struct{}) {
	r.mu.Lock()
	s := r.server
	r.mu.Unlock()
	r.shut(s)
	close(dead)
}

// TestMoveToTwo: C-MOVE of many instances to two destinations at once, of which one dies on the way and comes back. The healthy one gets everything,
// the C-MOVE to the other says what failed, and asking again brings the rest.
func TestMoveToTwo(t *testing.T) {
	instances := size(1000, 10_000)
	data := t.TempDir()
	fill(t, data, instances, instances)
	healthy, mortal := &receiver{}, &receiver{fallAt: instances / 3}
	healthy.live(t)
	mortal.live(t)
	c := onLoopback(data)
	c.DICOM.Destinations = []config.Destination{{AE: "HEALTHY", Address: healthy.addr}, {AE: "MORTAL", Address: mortal.addr}}
	g := serve(t, c)
	move := func(to string) (scu.Retrieved, error) {
		keys := &dataset.Set{}
		keys.PutString(tag.StudyInstanceUID, dicom.UI, "2.25.7001000000")
		return scu.Move(t.Context(), scu.Target{Address: g.DICOM, CallingAE: "TEST", CalledAE: "HALONG"}, scu.Query{Level: "STUDY", Keys: keys}, to, nil)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		r, err := move("HEALTHY")
		if err != nil || r.Counts != (scu.Counts{Completed: instances}) {
			t.Errorf("healthy: %+v, %v", r.Counts, err)
		}
	})
	r, _ := move("MORTAL") // an error tells that some failed
	<-mortal.dead
	wg.Wait()
	if n := healthy.count(); n != instances {
		t.Errorf("the healthy destination has %d of %d", n, instances)
	}
	if r.Status != dimse.SubOperationsIncomplete || r.Failed == 0 || r.Completed+r.Failed != instances || r.Completed > mortal.count() {
		t.Errorf("mortal: %v, %+v, it has %d", r.Status, r.Counts, mortal.count())
	}
	listed := map[dicom.UID]bool{}
	for _, u := range r.Instances {
		listed[u] = true
	}
	lost := 0 // neither there nor listed
	for u := range healthy.took {
		if !mortal.took[u] && !listed[u] {
			lost++
		}
	}
	if len(listed) == r.Failed && lost > 0 { // the list holds all that failed
		t.Errorf("%d instances are neither there nor listed as failed", lost)
	}
	t.Logf("the mortal destination died after %d: %d failed, %d of them listed", mortal.count(), r.Failed, len(listed))
	mortal.live(t)
	if r, err := move("MORTAL"); err != nil || r.Counts != (scu.Counts{Completed: instances}) || mortal.count() != instances {
		t.Errorf("asked again: %+v, %v; it has %d", r.Counts, err, mortal.count())
	}
}
