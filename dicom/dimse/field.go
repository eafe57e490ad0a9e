package dimse

import "fmt"

// CommandField says which operation or notification a Command Set is of
// (0000,0100) (PS3.7 E.1).
type CommandField uint16

// The requests; a response has the highest bit set as well.
const (
	CStoreRQ       CommandField = 0x0001
	CGetRQ         CommandField = 0x0010
	CFindRQ        CommandField = 0x0020
	CMoveRQ        CommandField = 0x0021
	CEchoRQ        CommandField = 0x0030
	NEventReportRQ CommandField = 0x0100
	NGetRQ         CommandField = 0x0110
	NSetRQ         CommandField = 0x0120
	NActionRQ      CommandField = 0x0130
	NCreateRQ      CommandField = 0x0140
	NDeleteRQ      CommandField = 0x0150
	CCancelRQ      CommandField = 0x0FFF

	responseBit CommandField = 0x8000
)

// IsResponse tells whether f is a response.
func (f CommandField) IsResponse() bool { return f&responseBit != 0 }

// Response gives the response to a request.
func (f CommandField) Response() CommandField { return f | responseBit }

var fieldNames = map[CommandField]string{
	CStoreRQ: "C-STORE", CGetRQ: "C-GET", CFindRQ: "C-FIND", CMoveRQ: "C-MOVE", CEchoRQ: "C-ECHO",
	NEventReportRQ: "N-EVENT-REPORT", NGetRQ: "N-GET", NSetRQ: "N-SET", NActionRQ: "N-ACTION",
	NCreateRQ: "N-CREATE", NDeleteRQ: "N-DELETE", CCancelRQ: "C-CANCEL",
}

// String gives the standard's name: "C-STORE-RQ", "C-STORE-RSP".
func (f CommandField) String() string {
	name, ok := fieldNames[f&^responseBit]
	switch {
	case !ok:
		return fmt.Sprintf("command field %04XH", uint16(f))
	case f.IsResponse():
		return name + "-RSP"
	}
	return name + "-RQ"
}

// hasPriority tells whether Priority (0000,0700) is mandatory.
func (f CommandField) hasPriority() bool {
	return f == CStoreRQ || f == CGetRQ || f == CFindRQ || f == CMoveRQ
}

// cancellable tells whether a C-CANCEL-RQ may refer to a request of that kind.
func (f CommandField) cancellable() bool { return f == CGetRQ || f == CFindRQ || f == CMoveRQ }
