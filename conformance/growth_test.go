package conformance

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
)

// mostGrowth is how many times as much a request may cost in the large archive as in the small one.
const mostGrowth = 1.15

// TestGrowth compares what requests cost at 2,000 and at 40,000 instances, or at as many as HALONG_BENCH_INSTANCES says: server CPU seconds, in one run, both servers
// asked the same in turns, so that what else the machine does hits both. It runs with HALONG_BENCH=1 (make bench-growth).
func TestGrowth(t *testing.T) {
	if os.Getenv("HALONG_BENCH") == "" {
		t.Skip("HALONG_BENCH is not set: this is a measurement")
	}
	sizes := []int{2_000, growthNumber(t, "HALONG_BENCH_INSTANCES", 40_000)}
	var at []*grown
	for _, n := range sizes {
		g := &grown{instances: n, data: t.TempDir()}
		g.fill(t)
		g.process = start(t, g.data)
		at = append(at, g)
	}
	for _, g := range at {
		eventually(t, "nothing more to do after the start", func() bool {
			before := schedCPU(t, g.cmd.Process.Pid)
			time.Sleep(500 * time.Millisecond)
			return schedCPU(t, g.cmd.Process.Pid)-before < 0.01
		})
	}
	for _, k := range growthKinds {
		if only := os.Getenv("HALONG_BENCH_KINDS"); only != "" && !slices.Contains(strings.Split(only, ","), k.name) {
			continue
		}
		for _, g := range at {
			g.slice(t, k, 1, 600) // warms up
		}
		var ratios []float64
		costs := [2][]float64{}
		for round := range growthNumber(t, "HALONG_BENCH_ROUNDS", 12) {
			order := []int{0, 1}
			if round%2 == 1 {
				order = []int{1, 0}
			}
			var cost [2]float64
			for _, i := range order {
				cost[i] = at[i].slice(t, k, uint64(round+2), 500)
				costs[i] = append(costs[i], cost[i])
			}
			ratios = append(ratios, cost[1]/cost[0])
		}
		// The cheapest rounds are those that were disturbed the least.
		least := low(costs[1]) / low(costs[0])
		t.Logf("%-16s %.3f -> %.3f CPU s per 1,000: %.2f times (median of rounds %.2f)", k.name, low(costs[0]), low(costs[1]), least, median(ratios))
		if min(least, median(ratios)) > mostGrowth {
			t.Errorf("%s costs %.2f times as much at %d instances as at %d, want at most %.2f", k.name, least, sizes[1], sizes[0], mostGrowth)
		}
	}
}

// growthNumber gives a number of the environment.
func growthNumber(t *testing.T, name string, otherwise int) int {
	t.Helper()
	v := os.Getenv(name)
	if v == "" {
		return otherwise
	}
	n, err := strconv.Atoi(v)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

func median(v []float64) float64 { return slices.Sorted(slices.Values(v))[len(v)/2] }

// low gives the mean of the cheaper half.
func low(v []float64) (mean float64) {
	half := slices.Sorted(slices.Values(v))[:(len(v)+1)/2]
	for _, x := range half {
		mean += x / float64(len(half))
	}
	return mean
}

// grown is a gateway that holds so many instances: studies of one series of five, and every hundredth of one of fifty with pixels.
type grown struct {
	*process
	data      string
	instances int
	studies   int
	large     []int // studies of fifty
}

const (
	growthUID    = "1.2.826.0.1.3680043.10.1999"
	growthPixels = 32 // rows and columns
)

func growthIDs(study, n int) (st, se, sop string) {
	st = fmt.Sprintf("%s.%d", growthUID, study+100_000)
	return st, st + ".1", fmt.Sprintf("%s.1.%d", st, n)
}

var growthNames = []string{"NGUYỄN", "TRẦN", "LÊ", "PHẠM", "HOÀNG", "PHAN", "VŨ", "ĐẶNG", "BÙI", "ĐỖ", "HỒ", "NGÔ"}

func growthDay(study int) string {
	return time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, study%990).Format("20060102")
}

// growthObject makes one instance, in Explicit VR Little Endian.
func growthObject(study, n int, large bool) []byte {
	s := &dataset.Set{}
	st, se, sop := growthIDs(study, n)
	put := func(t dicom.Tag, v string) { s.PutString(t, dicom.VROf(t), v) }
	put(tag.SpecificCharacterSet, "ISO_IR 192")
	put(tag.SOPClassUID, "1.2.840.10008.5.1.4.1.1.2")
	put(tag.SOPInstanceUID, sop)
	put(tag.StudyDate, growthDay(study))
	put(tag.StudyTime, "101112")
	put(tag.AccessionNumber, fmt.Sprintf("ACC%d", study))
	put(tag.Modality, "SR")
	put(tag.ReferringPhysicianName, "TRẦN^BÌNH")
	put(tag.StudyDescription, "Khám tổng quát")
	put(tag.SeriesDescription, "a series")
	put(tag.PatientName, growthNames[study%len(growthNames)]+"^VĂN^"+strconv.Itoa(study%97))
	put(tag.PatientID, fmt.Sprintf("P%d", study/2))
	put(tag.PatientBirthDate, "19700101")
	put(tag.PatientSex, "O")
	put(tag.StudyInstanceUID, st)
	put(tag.SeriesInstanceUID, se)
	put(tag.StudyID, strconv.Itoa(study))
	put(tag.SeriesNumber, "1")
	put(tag.InstanceNumber, strconv.Itoa(n))
	for i := range 40 { // what else images have
		s.Put(dataset.Element{Tag: dicom.NewTag(0x0018, uint16(0x9300+i)), VR: dicom.LO, Value: fmt.Appendf(nil, "value %d of instance %d ", i, n)})
	}
	if large {
		put(tag.Modality, "CT")
		put(tag.PhotometricInterpretation, "MONOCHROME2")
		for t, v := range map[dicom.Tag]int64{tag.SamplesPerPixel: 1, tag.Rows: growthPixels, tag.Columns: growthPixels, tag.BitsAllocated: 16, tag.BitsStored: 12, tag.HighBit: 11} {
			s.PutInt(t, dicom.US, v)
		}
		s.Put(dataset.Element{Tag: tag.PixelData, VR: dicom.OW, Value: bytes.Repeat([]byte{byte(n), byte(study)}, growthPixels*growthPixels)})
	}
	ts, _ := dicom.LookupTransferSyntax(dicom.ExplicitVRLittleEndian)
	return s.Append(nil, ts)
}

// fill stores without the network; growth of ingest is measured elsewhere.
func (g *grown) fill(t *testing.T) {
	t.Helper()
	type one struct {
		study, n int
		large    bool
	}
	var all []one
	for ; len(all) < g.instances; g.studies++ {
		large, n := g.studies%100 == 50, 5
		if large {
			n = 50
			g.large = append(g.large, g.studies)
		}
		for i := range n {
			all = append(all, one{g.studies, i + 1, large})
		}
	}
	fillWith(t, g.data, len(all), func(i int) []byte { return growthObject(all[i].study, all[i].n, all[i].large) })
}

// growthKind is one kind of request.
type growthKind struct {
	name, accept string
	path         func(g *grown, r *rand.Rand) string
}

// pick chooses among at most so many, spread over all: the same number in both archives, so that caches are equally warm.
func (g *grown) pick(r *rand.Rand) (study int) {
	const pool = 60
	return (r.IntN(pool)*g.studies/pool + 1) / 100 * 100 // never one of the large
}

func (g *grown) pickLarge(r *rand.Rand) int { return g.large[r.IntN(4)*len(g.large)/4] }

const (
	growthJSON  = "application/dicom+json"
	growthDICOM = `multipart/related; type="application/dicom"`
)

var growthKinds = []growthKind{
	{"patient", growthJSON, func(g *grown, r *rand.Rand) string { return fmt.Sprintf("/studies?PatientID=P%d", g.pick(r)/2) }},
	{"study", growthJSON, func(g *grown, r *rand.Rand) string {
		st, _, _ := growthIDs(g.pick(r), 1)
		return "/studies?StudyInstanceUID=" + st
	}},
	{"accession", growthJSON, func(g *grown, r *rand.Rand) string {
		return fmt.Sprintf("/studies?AccessionNumber=ACC%d", g.pick(r))
	}},
	{"date", growthJSON, func(g *grown, r *rand.Rand) string {
		d := r.IntN(360)
		return "/studies?limit=25&StudyDate=" + growthDay(d) + "-" + growthDay(d+24)
	}},
	{"name", growthJSON, func(_ *grown, r *rand.Rand) string {
		return "/studies?limit=25&PatientName=" + growthNames[r.IntN(len(growthNames))] + "*"
	}},
	{"two names", growthJSON, func(_ *grown, r *rand.Rand) string {
		return "/studies?limit=25&PatientName=" + growthNames[r.IntN(len(growthNames))] + "^V*"
	}},
	{"name fuzzy", growthJSON, func(_ *grown, r *rand.Rand) string {
		return "/studies?limit=25&fuzzymatching=true&PatientName=van%20" + growthNames[r.IntN(len(growthNames))]
	}},
	{"page", growthJSON, func(_ *grown, r *rand.Rand) string {
		return fmt.Sprintf("/studies?limit=25&offset=%d&includefield=00081030,00080061,00201206,00201208", 25*r.IntN(14))
	}},
	{"modality", growthJSON, func(*grown, *rand.Rand) string { return "/studies?limit=3&ModalitiesInStudy=CT" }},
	{"series", growthJSON, func(g *grown, r *rand.Rand) string {
		st, _, _ := growthIDs(g.pick(r), 1)
		return "/studies/" + st + "/series"
	}},
	{"instances", growthJSON, func(g *grown, r *rand.Rand) string {
		st, se, _ := growthIDs(g.pickLarge(r), 1)
		return "/studies/" + st + "/series/" + se + "/instances?includefield=all"
	}},
	{"instances cold", growthJSON, func(g *grown, r *rand.Rand) string { // another query each time, so never ready
		st, se, _ := growthIDs(g.pickLarge(r), 1)
		return fmt.Sprintf("/studies/%s/series/%s/instances?includefield=all&unknown=%d", st, se, r.IntN(1<<30))
	}},
	{"one instance", growthJSON, func(g *grown, r *rand.Rand) string {
		_, _, sop := growthIDs(g.pick(r), 3)
		return "/instances?SOPInstanceUID=" + sop
	}},
	{"instance", growthDICOM, func(g *grown, r *rand.Rand) string { return g.object(g.pick(r), 3) }},
	{"frame", `multipart/related; type="application/octet-stream"`, func(g *grown, r *rand.Rand) string {
		return g.object(g.pickLarge(r), 1+r.IntN(50)) + "/frames/1"
	}},
	{"instance-meta", growthJSON, func(g *grown, r *rand.Rand) string { return g.object(g.pick(r), 2) + "/metadata" }},
	{"series-meta", growthJSON, func(g *grown, r *rand.Rand) string {
		st, se, _ := growthIDs(g.pickLarge(r), 1)
		return "/studies/" + st + "/series/" + se + "/metadata"
	}},
	{"study-meta", growthJSON, func(g *grown, r *rand.Rand) string {
		st, _, _ := growthIDs(g.pick(r), 1)
		return "/studies/" + st + "/metadata"
	}},
}

func (g *grown) object(study, n int) string {
	st, se, sop := growthIDs(study, n)
	return "/studies/" + st + "/series/" + se + "/instances/" + sop
}

// slice sends requests over two connections and gives the server's CPU seconds per 1,000.
func (g *grown) slice(t *testing.T, k growthKind, seed uint64, requests int) float64 {
	t.Helper()
	before := schedCPU(t, g.cmd.Process.Pid)
	var wg sync.WaitGroup
	var failed atomic.Int64
	for c := range 2 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(c)))
			for range requests / 2 {
				if err := growthGet(g.HTTP+"/dicom-web"+k.path(g, r), k.accept); err != nil {
					if failed.Add(1) == 1 {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	if failed.Load() > 0 {
		t.Fatalf("%s: %d of %d requests failed", k.name, failed.Load(), requests)
	}
	return (schedCPU(t, g.cmd.Process.Pid) - before) / float64(requests) * 1e3
}

var growthClient = &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 2, DisableCompression: true}}

func growthGet(url, accept string) error {
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", accept)
	resp, err := growthClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	n, err := io.Copy(io.Discard, resp.Body)
	if err == nil && (resp.StatusCode != http.StatusOK || n < 100) {
		err = fmt.Errorf("%s: %s, %d bytes", url, resp.Status, n)
	}
	return err
}

// schedCPU gives the CPU seconds of a process's threads, to the nanosecond, as the scheduler counts them.
func schedCPU(t *testing.T, pid int) (seconds float64) {
	t.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(threads) == 0 {
		t.Fatal("no threads", err)
	}
	for _, name := range threads {
		b, err := os.ReadFile(name)
		if err != nil {
			continue // ended; Go's seldom do
		}
		first, _, _ := strings.Cut(string(b), " ")
		n, err := strconv.ParseInt(first, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		seconds += float64(n) / 1e9
	}
	return seconds
}
