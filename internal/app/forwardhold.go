package app

import (
	"encoding/json"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
)

// forwarding is the payload of a journal record of kind RecordDecision: forwarding works with the ledger in this index. The
// ledger is not made again from the store; an index that was, and meets this record, holds forwarding until an operator
// says where to go on.
type forwarding struct {
	Version    int    `json:"v"`
	Action     string `json:"action"`
	Generation string `json:"generation"` // of the index
}

const actionForward = "forward"

// forwardingBegan writes the record.
func (d *Data) forwardingBegan(tx halong.Tx) error {
	b, err := json.Marshal(forwarding{1, actionForward, d.Index.Generation()})
	if err != nil {
		return halong.E("app.forward", halong.Internal, "", err)
	}
	_, _, err = d.Store.Append(tx, storage.RecordDecision, b)
	return err
}

// forwardingOf reads the record; false for other ones.
func forwardingOf(rec storage.Record) (f forwarding, ok bool) {
	ok = rec.Kind == storage.RecordDecision && json.Unmarshal(rec.Payload, &f) == nil && f.Action == actionForward
	return f, ok
}

// replayForwarding applies the record.
func (d *Data) replayForwarding(tx halong.Tx, f forwarding) error {
	if f.Generation == d.Index.Generation() {
		return nil
	}
	return d.Index.HoldForwarding(tx, "the index was made again from the store, which does not tell what was forwarded")
}
