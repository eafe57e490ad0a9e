// Package ups keeps Unified Procedure Steps, the workitems of PS3.4 CC and PS3.18 11:
// what must, may and must not be in them, their states and who may change them, who
// subscribes to them, and the reports of what happened. The protocol is another package's.
//
// Begin reading with Service; rules.go has the requirements of PS3.4 table CC.2.5-3,
// state.go its state table (CC.1.1-2), record.go what the journal keeps.
package ups
