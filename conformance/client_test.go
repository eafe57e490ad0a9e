package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/dicomweb/client"
)

// TestClientAgainstHalong: the client package does everything that it can with a gateway: store, search, retrieve, metadata, frames, bulk data, events, deletion.
func TestClientAgainstHalong(t *testing.T) {
	g := serve(t, onLoopback(t.TempDir()))
	c := &client.Client{URL: g.URL + "/dicom-web"}
	ctx := t.Context()
	objects := append(series(1, 5), series(2, 2)...)
	left := objects
	answer, err := c.Store(ctx, func() (client.Part, error) {
		if len(left) == 0 {
			return client.Part{}, io.EOF
		}
		o := left[0]
		left = left[1:]
		return client.Part{ContentType: "application/dicom", Body: bytes.NewReader(o.part10())}, nil
	})
	if err != nil || answer.Status != http.StatusOK {
		t.Fatal(answer, err)
	}
	one := objects[0]
	study, instance := client.Resource{Study: one.study}, client.Resource{Study: one.study, Series: one.series, Instance: one.sop}
	for _, x := range []struct {
		q    client.Query
		want int
	}{
		{client.Query{Level: client.Studies, Page: 1}, 2},
		{client.Query{Level: client.Series, In: study}, 1},
		{client.Query{Level: client.Instances, In: study, Page: 2}, 5},
		{client.Query{Level: client.Instances, Page: 3, Limit: 4}, 4},
		{client.Query{Level: client.Studies, Match: []client.Param{{Name: "PatientName", Value: "tran^thi*"}}}, 2},
		{client.Query{Level: client.Studies, Match: []client.Param{{Name: "PatientName", Value: "TRẦN^THỊ^P1"}}}, 1},
	} {
		n := 0
		for _, err := range c.Search(ctx, x.q) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		if n != x.want {
			t.Errorf("%+v: %d found, want %d", x.q, n, x.want)
		}
	}
	n := 0
	for p, err := range c.Retrieve(ctx, study) {
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(p.Body)
		if err != nil || !slices.ContainsFunc(objects, func(o object) bool { return bytes.HasSuffix(b, o.data) }) {
			t.Errorf("a part of %d bytes is none of the objects; %v", len(b), err)
		}
		n++
	}
	if n != 5 {
		t.Errorf("%d instances", n)
	}
	m, err := first(c.Metadata(ctx, instance))
	if err != nil || len(m.Bulk) != 1 {
		t.Fatalf("%v, %+v", err, m.Bulk)
	}
	checkClientBytes(t, c, instance, m.Bulk[0].URI)
	checkClientEvents(t, c, g, len(objects))
	if err := c.Delete(ctx, study, client.Reason{Code: "113037", Text: "test"}); err != nil {
		t.Fatal(err)
	}
	if err := c.Delete(ctx, study, client.Reason{}); client.StatusOf(err) != http.StatusGone {
		t.Errorf("deleted again: %v", err)
	}
	if _, err := first(c.Retrieve(ctx, study)); client.StatusOf(err) != http.StatusGone && client.StatusOf(err) != http.StatusNotFound {
		t.Errorf("retrieved after deletion: %v", err)
	}
}

// checkClientBytes compares frames and ranges of bulk data.
func checkClientBytes(t *testing.T, c *client.Client, instance client.Resource, uri string) {
	t.Helper()
	ctx := t.Context()
	p, err := c.Bulkdata(ctx, uri, client.BulkOptions{})
	if err != nil {
		t.Fatal(err)
	}
	whole, err := io.ReadAll(p)
	if err := errors.Join(err, p.Close()); err != nil {
		t.Fatal(err)
	}
	for _, r := range []client.Range{{Start: 100, Length: 1000}, {Start: 5}, {Start: -77}} {
		p, err := c.Bulkdata(ctx, uri, client.BulkOptions{Range: &r, IfRange: p.ETag})
		if err != nil {
			t.Fatal(err)
		}
		part, err := io.ReadAll(p)
		if err := errors.Join(err, p.Close()); err != nil || p.Total != int64(len(whole)) || !bytes.Equal(part, whole[p.Start:p.Start+p.Length]) {
			t.Errorf("range %+v: %d bytes at %d of %d, %v", r, len(part), p.Start, p.Total, err)
		}
	}
	if _, err := c.Bulkdata(ctx, uri, client.BulkOptions{Range: &client.Range{Start: 1 << 40, Length: 1}}); client.StatusOf(err) != http.StatusRequestedRangeNotSatisfiable {
		t.Error(err)
	}
	for f, err := range c.Frames(ctx, instance, []int{1}) {
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(f.Body)
		if err != nil || len(b) == 0 || !bytes.HasPrefix(whole, b) {
			t.Errorf("frame of %d bytes, %v", len(b), err)
		}
	}
	if _, err := first(c.Frames(ctx, instance, []int{99})); client.StatusOf(err) != http.StatusNotFound {
		t.Error(err)
	}
}

// checkClientEvents follows the change feed until it has told of all objects, and of one that comes meanwhile.
func checkClientEvents(t *testing.T, c *client.Client, g *gateway, stored int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	n := 0
	for e, err := range c.Events(ctx, g.URL+"/events", 0) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Type != "instance.stored" {
			continue
		}
		if n++; n == stored {
			storeAll(t, g.DICOM, series(3, 1))
		}
		if n == stored+1 {
			break
		}
	}
	if _, err := first(c.Events(ctx, g.URL+"/events", 1<<40)); client.StatusOf(err) != http.StatusConflict {
		t.Errorf("a number that no event has: %v", err)
	}
}

// TestClientWorkitems: a workitem's life by the client package, on a gateway.
func TestClientWorkitems(t *testing.T) {
	g := serve(t, onLoopback(t.TempDir()))
	c := &client.Client{URL: g.URL + "/dicom-web"}
	ctx := t.Context()
	const uid, transaction = dicom.UID("2.25.4711"), dicom.UID("2.25.4712")
	step := &dataset.Set{}
	step.PutString(tag.ProcedureStepState, dicom.CS, "SCHEDULED")
	step.PutString(tag.ScheduledProcedureStepPriority, dicom.CS, "HIGH")
	step.PutString(tag.ProcedureStepLabel, dicom.LO, "Đọc phim")
	step.PutString(tag.InputReadinessState, dicom.CS, "READY")
	step.PutString(tag.ScheduledProcedureStepStartDateTime, dicom.DT, "20261122080000")
	location, err := c.CreateWorkitem(ctx, uid, step)
	if err != nil || !strings.HasSuffix(location, "/workitems/"+string(uid)) {
		t.Fatal(location, err)
	}
	if _, err := c.CreateWorkitem(ctx, uid, step); client.StatusOf(err) != http.StatusConflict {
		t.Errorf("created twice: %v", err)
	}
	found, err := first(c.SearchWorkitems(ctx, client.Query{Match: []client.Param{{Name: "ProcedureStepLabel", Value: "Đọc*"}}}))
	if err != nil || found.UID(tag.SOPInstanceUID) != uid {
		t.Errorf("search: %v", err)
	}
	channel, err := c.Subscribe(ctx, client.Subscription{Workitem: uid, AE: "READER", DeletionLock: true})
	if err != nil || !strings.HasPrefix(channel, "ws://") {
		t.Errorf("%s, %v", channel, err)
	}
	reports, err := c.OpenEventChannel(ctx, channel)
	if err != nil {
		t.Fatal(err)
	}
	told := make(chan string, 100)
	ended := make(chan error, 1)
	go func() {
		for r, err := range reports.Reports(context.WithoutCancel(ctx)) {
			if err != nil {
				ended <- err
				return
			}
			told <- fmt.Sprint(r.Workitem, " ", r.Type, " ", r.Attributes.String(tag.ProcedureStepState), r.Message > 0, r.Attributes.Get(tag.EventTypeID) == nil)
		}
	}()
	if _, err := c.Subscribe(ctx, client.Subscription{Workitem: client.FilteredWorklist, AE: "READER", Filter: []client.Param{{Name: "PatientID", Value: "P1"}}}); err != nil {
		t.Error(err)
	}
	if err := c.SuspendSubscription(ctx, client.FilteredWorklist, "READER"); err != nil {
		t.Error(err)
	}
	if err := c.ChangeWorkitemState(ctx, uid, transaction, client.InProgress); err != nil {
		t.Fatal(err)
	}
	change := &dataset.Set{}
	change.PutString(tag.ProcedureStepLabel, dicom.LO, "Đọc phim lần hai")
	if err := c.UpdateWorkitem(ctx, uid, "2.25.1", change); client.StatusOf(err)/100 != 4 {
		t.Errorf("updated with another Transaction UID: %v", err)
	}
	if err := c.UpdateWorkitem(ctx, uid, transaction, change); err != nil {
		t.Error(err)
	}
	if err := c.RequestCancellation(ctx, uid, nil); err != nil {
		t.Errorf("cancellation: %v", err)
	}
	if err := c.ChangeWorkitemState(ctx, uid, transaction, client.Canceled); err != nil && client.StatusOf(err) != http.StatusConflict {
		t.Error(err) // 409: the Progress Information lacks the reason
	}
	got, err := c.RetrieveWorkitem(ctx, uid)
	if err != nil || got.String(tag.ProcedureStepLabel) != "Đọc phim lần hai" || got.Get(tag.TransactionUID) != nil && got.String(tag.TransactionUID) != "" {
		t.Errorf("retrieved: %v", err)
	}
	if err := c.Unsubscribe(ctx, uid, "READER"); err != nil {
		t.Error(err)
	}
	if err := c.Unsubscribe(ctx, uid, "NOBODY"); client.StatusOf(err) != http.StatusNotFound {
		t.Errorf("unsubscribed who was not: %v", err)
	}
	for _, want := range []string{"2.25.4711 1 SCHEDULEDtrue true", "2.25.4711 1 IN PROGRESStrue true", "2.25.4711 2 true true"} {
		if got := <-told; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}
	var closed *client.ChannelClosed
	if err := <-ended; !errors.As(err, &closed) || closed.Code != 1001 || <-told != string(client.Worklist)+" 4 true true" {
		t.Errorf("the gateway stopped: %v", err)
	}
	if err := reports.Close(); err != nil {
		t.Error(err)
	}
}

// TestClientEventChannel: a report of which the loop has not asked for the next comes again on the next channel; what is refused, and what ends.
func TestClientEventChannel(t *testing.T) {
	g := serve(t, onLoopback(t.TempDir()))
	c := &client.Client{URL: g.URL + "/dicom-web"}
	ctx := t.Context()
	if _, err := c.Subscribe(ctx, client.Subscription{Workitem: client.Worklist, AE: "READER"}); err != nil {
		t.Fatal(err)
	}
	step := &dataset.Set{}
	for tag, v := range map[dicom.Tag]string{
		tag.ProcedureStepState: "SCHEDULED", tag.ScheduledProcedureStepPriority: "HIGH", tag.InputReadinessState: "READY", tag.ScheduledProcedureStepStartDateTime: "20261122080000",
		tag.ProcedureStepLabel: "Read",
	} {
		step.PutString(tag, dicom.VROf(tag), v)
	}
	if _, err := c.CreateWorkitem(ctx, "2.25.1", step); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		e, err := c.OpenEventChannel(ctx, "ws/subscribers/READER")
		if err != nil {
			t.Fatal(err)
		}
		for r, err := range e.Reports(ctx) {
			if err != nil || r.Workitem != "2.25.1" {
				t.Fatal(r, err)
			}
			break
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
	e, err := c.OpenEventChannel(ctx, g.URL+"/dicom-web/ws/subscribers/READER")
	if err != nil {
		t.Fatal(err)
	}
	ended, end := context.WithCancel(ctx)
	defer end()
	n := 0
	for r, err := range e.Reports(ended) {
		if n++; n == 1 && (err != nil || r.Workitem != "2.25.1") {
			t.Fatal(r, err)
		}
		if n == 1 {
			if _, err := c.CreateWorkitem(ctx, "2.25.2", step); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if n == 2 && (err != nil || r.Workitem != "2.25.2") {
			t.Fatal(r, err)
		}
		if n > 2 && !errors.Is(err, context.Canceled) {
			t.Fatal(r, err)
		}
		end()
	}
	if n != 3 {
		t.Errorf("%d times", n)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	if _, err := c.OpenEventChannel(ctx, "ftp://127.0.0.1/x"); !errors.Is(err, client.ErrURL) {
		t.Errorf("a strange URL: %v", err)
	}
	if _, err := c.OpenEventChannel(ctx, g.URL+"/dicom-web/ws/subscribers/THIS-TITLE-IS-TOO-LONG"); client.StatusOf(err) != http.StatusBadRequest {
		t.Errorf("no AE title: %v", err)
	}
	if _, err := c.OpenEventChannel(ctx, g.URL+"/dicom-web/studies"); client.StatusOf(err) != http.StatusOK {
		t.Errorf("no WebSocket: %v", err)
	}
}
