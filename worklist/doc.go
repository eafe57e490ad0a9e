// Package worklist keeps orders and what is scheduled and performed for them: requested procedures with their
// Scheduled Procedure Steps, which the Modality Worklist answers from (PS3.4 K), and Modality Performed Procedure Steps
// (PS3.4 F). Orders come from messages, which package hl7v2 reads and another package brings; the package declares the store
// it needs and does no input or output of its own.
//
// Begin reading with Service; order.go has what is kept, merge.go what an update does to it.
package worklist
