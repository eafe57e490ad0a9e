package client

import (
	"context"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	dicomjson "github.com/halong-gateway/halong/dicom/json"
	"github.com/halong-gateway/halong/dicom/tag"
)

// UIDs that stand for all workitems, and for those of a filter, in subscriptions (PS3.4 CC.2.3.1).
const (
	Worklist         dicom.UID = "1.2.840.10008.5.1.4.34.5"
	FilteredWorklist dicom.UID = "1.2.840.10008.5.1.4.34.5.1"
)

// State is a Procedure Step State (PS3.4 CC.1.1.2).
type State string

// States of workitems that can be asked for.
const (
	InProgress State = "IN PROGRESS"
	Completed  State = "COMPLETED"
	Canceled   State = "CANCELED"
)

// CreateWorkitem makes a workitem (PS3.18 11.4) with the UID, or one of the server's choice if that is empty, and gives its URL.
func (c *Client) CreateWorkitem(ctx context.Context, uid dicom.UID, attributes *dataset.Set) (location string, err error) {
	at := c.base() + "/workitems"
	if uid != "" {
		at += "?workitem=" + escaped(string(uid))
	}
	resp, err := c.send(ctx, workitemRequest("Create Workitem", http.MethodPost, at, attributes))
	if err != nil {
		return "", err
	}
	if location = resp.Header.Get("Location"); location == "" {
		location = resp.Header.Get("Content-Location")
	}
	return location, resp.Body.Close()
}

// RetrieveWorkitem gives a workitem (11.5).
func (c *Client) RetrieveWorkitem(ctx context.Context, uid dicom.UID) (*dataset.Set, error) {
	resp, err := c.send(ctx, request{
		op: "Retrieve Workitem", method: http.MethodGet, url: c.workitem(uid), header: http.Header{"Accept": {"application/dicom+json"}},
	})
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(&allowance{r: resp.Body, left: MaxObject})
	if err != nil {
		return nil, err
	}
	all, err := dicomjson.DecodeAll(b, dataset.Limits{})
	if err != nil || len(all) != 1 {
		return nil, fmt.Errorf("%w: %d objects, %w", ErrModel, len(all), orModel(err))
	}
	return all[0].Set, nil
}

func orModel(err error) error {
	if err == nil {
		return ErrModel
	}
	return err
}

// SearchWorkitems gives workitems one after the other, page after page, as Search does (11.9).
func (c *Client) SearchWorkitems(ctx context.Context, q Query) iter.Seq2[*dataset.Set, error] {
	return c.search(ctx, "/workitems", q)
}

// UpdateWorkitem replaces attributes (11.6). One in progress wants its Transaction UID.
func (c *Client) UpdateWorkitem(ctx context.Context, uid, transaction dicom.UID, attributes *dataset.Set) error {
	at := c.workitem(uid)
	if transaction != "" {
		at += "?transaction-uid=" + escaped(string(transaction))
	}
	return c.done(ctx, workitemRequest("Update Workitem", http.MethodPost, at, attributes))
}

// ChangeWorkitemState takes a workitem, completes or cancels it (11.7). The Transaction UID is made by whoever takes it, who alone then knows it.
func (c *Client) ChangeWorkitemState(ctx context.Context, uid, transaction dicom.UID, to State) error {
	s := &dataset.Set{}
	s.PutString(tag.ProcedureStepState, dicom.CS, string(to))
	s.PutString(tag.TransactionUID, dicom.UI, string(transaction))
	return c.done(ctx, workitemRequest("Change Workitem State", http.MethodPut, c.workitem(uid)+"/state", s))
}

// RequestCancellation asks whoever does a workitem to cancel it (11.8). reason may be nil.
func (c *Client) RequestCancellation(ctx context.Context, uid dicom.UID, reason *dataset.Set) error {
	return c.done(ctx, workitemRequest("Request Cancellation", http.MethodPost, c.workitem(uid)+"/cancelrequest", reason))
}

// Subscription is what reports are wanted of.
type Subscription struct {
	Workitem     dicom.UID // one of them, Worklist or FilteredWorklist
	AE           string    // who wants them: an AE title
	DeletionLock bool      // it is kept until the subscriber unsubscribes
	Filter       []Param   // of the FilteredWorklist
}

// Subscribe subscribes (11.10), and gives the URL of the WebSocket channel on which the reports come.
func (c *Client) Subscribe(ctx context.Context, s Subscription) (channel string, err error) {
	at := c.subscriber(s.Workitem, s.AE) + "?deletionlock=" + strconv.FormatBool(s.DeletionLock)
	for _, p := range s.Filter {
		at += "&" + escaped(p.Name) + "=" + escaped(p.Value)
	}
	resp, err := c.send(ctx, request{op: "Subscribe", method: http.MethodPost, url: at})
	if err != nil {
		return "", err
	}
	if channel = resp.Header.Get("Content-Location"); channel == "" {
		channel = resp.Header.Get("Location")
	}
	return channel, resp.Body.Close()
}

// Unsubscribe ends a subscription (11.11).
func (c *Client) Unsubscribe(ctx context.Context, workitem dicom.UID, ae string) error {
	return c.done(ctx, request{op: "Unsubscribe", method: http.MethodDelete, url: c.subscriber(workitem, ae)})
}

// SuspendSubscription keeps new workitems from being subscribed to by a subscription to the Worklist or the FilteredWorklist (11.12).
func (c *Client) SuspendSubscription(ctx context.Context, workitem dicom.UID, ae string) error {
	return c.done(ctx, request{op: "Suspend Global Subscription", method: http.MethodPost, url: c.subscriber(workitem, ae) + "/suspend"})
}

func (c *Client) workitem(uid dicom.UID) string {
	return c.base() + "/workitems/" + url.PathEscape(string(uid))
}

func (c *Client) subscriber(workitem dicom.UID, ae string) string {
	return c.workitem(workitem) + "/subscribers/" + url.PathEscape(ae)
}

// workitemRequest makes a request with one object, or without if it is nil.
func workitemRequest(op, method, at string, o *dataset.Set) request {
	rq := request{op: op, method: method, url: at, header: http.Header{"Accept": {"application/dicom+json"}}}
	if o != nil {
		model := dicomjson.AppendSet([]byte{'['}, o, dicomjson.Options{InlineLimit: MaxObject})
		rq.body = append(model, ']')
		rq.header.Set("Content-Type", "application/dicom+json")
	}
	return rq
}
