package intake

import (
	"github.com/halong-gateway/halong/hl7v2"
	"github.com/halong-gateway/halong/patient"
)

// secondPatient is remarked of a message for one patient that holds PID of another one. Of orders, worklist.Read does so.
const secondPatient = "what is said of a second patient (PID) is left out: a message is for one"

// ofSecond gives secondPatient if the message names another patient than its first PID does; else it is empty.
func ofSecond(h *hl7v2.Message) string {
	first := h.First("PID")
	for s := range h.Segments() {
		if s.Is("PID") && s.Index != first.Index && identityOf(s) != identityOf(first) {
			return secondPatient
		}
	}
	return ""
}

func identityOf(pid hl7v2.Segment) patient.Identity {
	id, _ := patient.FromPID("", pid, "").Identity()
	return id
}

// warnings completes an application acknowledgement with what there is to remark of a message that was taken: an ERR of severity W for each.
func warnings(k *hl7v2.Ack, remarks ...string) {
	for _, text := range remarks {
		k.Errors = append(k.Errors, hl7v2.AckError{Code: hl7v2.MessageAccepted, Severity: "W", Text: text})
	}
}
