// Package intake is the HL7v2 edge: it takes message blocks from hl7v2/mllp,
// keeps every message as it came, files what it says with the services lab and
// patient, and answers in the sender's acknowledgement mode (HL7 2.9). One
// transaction holds everything one message causes; its answer is given out only after
// that is durable. What cannot be read lies in the quarantine of messages with a reason.
package intake
