package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// decided is what was said of pairs of patients, A and B, by one sender: each message changes its pair from one state to another.
type decided struct {
	mu    sync.Mutex
	pairs []*pair
}

type pair struct {
	name   string
	many   []object // that bear A's Patient ID
	acked  string   // what A is, as the last acknowledged message says
	next   string   // what the message after that says; empty: none was sent
	unsaid string   // that message
}

func (p *pair) id(who string) string { return p.name + who }

// step gives the message that changes a pair: A is merged into B by A40, and has its identifier changed by A47; A37 takes either back.
func (p *pair) step(n int, control string) (message, next string) {
	pid := func(i int, who string) string {
		return fmt.Sprintf("PID|%d||%s^^^HIS^MR||Name^%s||19850102|F", i, p.id(who), who)
	}
	kind, segments := "A37^ADT_A37", []string{pid(1, "B"), pid(2, "A")}
	next = p.id("A")
	if p.acked == p.id("A") {
		kind, next = []string{"A40^ADT_A39", "A47^ADT_A30"}[n%2], p.id("B")
		segments = []string{pid(1, "B"), "MRG|" + p.id("A") + "^^^HIS^MR"}
	}
	msh := fmt.Sprintf("MSH|^~\\&|HIS|H|HALONG||20261122010203||ADT^%s|%s|P|2.5.1||||||UNICODE UTF-8", kind, control)
	return strings.Join(append([]string{msh, "EVN|" + kind[:3]}, segments...), "\r") + "\r", next
}

// untilCut merges and unmerges a pair until the connection breaks.
func (d *decided) untilCut(ctx context.Context, addr string, life int, p *pair, acked *atomic.Int64) {
	s := hl7SenderTo(addr)
	defer s.Close()
	for n := 0; ; n++ {
		msg, next := p.step(n, fmt.Sprintf("%sL%dN%d", p.name, life, n))
		d.mu.Lock()
		p.unsaid, p.next = msg, next
		d.mu.Unlock()
		x, err := s.Send(ctx, []byte(msg))
		if err != nil || !x.Positive() {
			return
		}
		d.mu.Lock()
		p.acked, p.unsaid, p.next = next, "", ""
		d.mu.Unlock()
		acked.Add(1)
	}
}

// served tells who the studies of a pair are served as: in searches by each number, in metadata.
func (p *pair) served(t *testing.T, base string) string {
	t.Helper()
	all := map[string]int{}
	for _, who := range []string{"A", "B"} {
		_, body := get(t, base+"/dicom-web/studies?limit=1000&PatientID="+p.id(who), "")
		var rows []map[string]struct{ Value []any }
		if err := json.Unmarshal(body, &rows); err != nil {
			t.Fatalf("%v: %.200s", err, body)
		}
		for _, r := range rows {
			all[fmt.Sprint(r["00100020"].Value[0], " ", r["0020000D"].Value[0])]++
		}
	}
	now := ""
	for _, o := range p.many {
		for _, who := range []string{"A", "B"} {
			if all[p.id(who)+" "+string(o.study)] == 0 {
				continue
			}
			if now != "" && now != p.id(who) {
				t.Fatalf("%s: studies of one patient are served as %s and %s", p.name, now, p.id(who))
			}
			now = p.id(who)
		}
	}
	o := &p.many[rand.IntN(len(p.many))]
	if _, body := get(t, base+"/dicom-web"+o.path()+"/metadata", ""); !strings.Contains(string(body), `"00100020":{"vr":"LO","Value":["`+now+`"]}`) {
		t.Errorf("%s is %s, and not so in metadata", p.name, now)
	}
	return now
}

// check compares each pair with what was acknowledged. A message that was not is carried out, or is not; sent again it is, once.
func (d *decided) check(t *testing.T, p *process) {
	t.Helper()
	s := hl7SenderTo(p.HL7)
	defer s.Close()
	for _, x := range d.pairs {
		got := x.served(t, p.HTTP)
		if got != x.acked && (got != x.next || x.next == "") {
			t.Errorf("%s is served as %q: acknowledged was %s, and %q was not", x.name, got, x.acked, x.next)
		}
		if x.unsaid == "" {
			continue
		}
		for range 2 {
			if a, err := s.Send(t.Context(), []byte(x.unsaid)); err != nil || !a.Positive() || strings.Contains(string(a.Application.Raw), "\rERR|") {
				t.Fatalf("%s: sent again: %+v %v", x.name, a, err)
			}
		}
		if got := x.served(t, p.HTTP); got != x.next {
			t.Errorf("%s is served as %q after its message came again", x.name, got)
		}
		x.acked, x.unsaid, x.next = x.next, "", ""
	}
}

// TestIdentityKillLosesNothingAcknowledged kills the process while patients are merged and unmerged, one of them with more studies than one transaction
// brings in step. Whatever was acknowledged is so afterwards in every study at once; an index made again says the same.
func TestIdentityKillLosesNothingAcknowledged(t *testing.T) {
	data := t.TempDir()
	d := &decided{}
	var objects []object
	for i, studies := range []int{1, 2, 150} {
		x := &pair{name: fmt.Sprint("KP", i), acked: fmt.Sprint("KP", i, "A")}
		for n := range studies {
			x.many = append(x.many, newObject(9000+200*i+n, 1, 256, x.id("A")))
		}
		d.pairs, objects = append(d.pairs, x), append(objects, x.many...)
	}
	p := start(t, data)
	storeAll(t, p.DICOM, objects)
	var acked atomic.Int64
	const lives = 3
	for life := range lives {
		enough := acked.Load() + 4 + rand.Int64N(8)
		ctx, cancel := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		for _, x := range d.pairs {
			wg.Go(func() { d.untilCut(ctx, p.HL7, life, x, &acked) })
		}
		eventually(t, "messages are acknowledged", func() bool { return acked.Load() >= enough })
		p.kill(t)
		cancel()
		wg.Wait()
		p = start(t, data)
		d.check(t, p)
	}
	t.Logf("%d messages acknowledged", acked.Load())
	told := func() map[string]string {
		out := map[string]string{}
		paths := []string{"/dicom-web/studies?includefield=all&limit=1000", "/api/patients"}
		for _, x := range d.pairs {
			paths = append(paths, "/api/patients/"+x.id("A"), "/api/patients/"+x.id("A")+"/history")
		}
		for _, path := range paths {
			status, body := get(t, p.HTTP+path, "")
			if status != http.StatusOK {
				t.Errorf("%s: %d", path, status)
			}
			out[path] = strings.ReplaceAll(string(body), p.HTTP, "") // Retrieve URLs
		}
		return out
	}
	before := told()
	p.stop(t)
	run(t, "reindex", "--data", data)
	p = start(t, data)
	d.check(t, p)
	if diff := cmp.Diff(before, told()); diff != "" {
		t.Errorf("after reindex: %s", diff)
	}
	p.stop(t)
}
