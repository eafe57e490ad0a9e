package ul

import "fmt"

// State is a state of the machine (PS3.8 tables 9-1 to 9-5).
type State uint8

// The states.
const (
	_     State = iota
	Sta1        // Idle
	Sta2        // Transport connection open (awaiting A-ASSOCIATE-RQ PDU)
	Sta3        // Awaiting local A-ASSOCIATE response primitive
	Sta4        // Awaiting transport connection opening to complete
	Sta5        // Awaiting A-ASSOCIATE-AC or A-ASSOCIATE-RJ PDU
	Sta6        // Association established and ready for data transfer
	Sta7        // Awaiting A-RELEASE-RP PDU
	Sta8        // Awaiting local A-RELEASE response primitive
	Sta9        // Release collision requestor side; awaiting A-RELEASE response primitive
	Sta10       // Release collision acceptor side; awaiting A-RELEASE-RP PDU
	Sta11       // Release collision requestor side; awaiting A-RELEASE-RP PDU
	Sta12       // Release collision acceptor side; awaiting A-RELEASE response primitive
	Sta13       // Awaiting transport connection close indication (Association no longer exists)

	states = 13
)

// String gives the standard's short name.
func (s State) String() string { return fmt.Sprintf("Sta%d", uint8(s)) }

// Event is what the machine reacts to (the rows of PS3.8 table 9-10).
type Event uint8

// The events.
const (
	_     Event = iota
	Evt1        // A-ASSOCIATE request primitive (local user)
	Evt2        // Transport connection confirmation (local transport service)
	Evt3        // A-ASSOCIATE-AC PDU received
	Evt4        // A-ASSOCIATE-RJ PDU received
	Evt5        // Transport connection indication (local transport service)
	Evt6        // A-ASSOCIATE-RQ PDU received
	Evt7        // A-ASSOCIATE response primitive (accept)
	Evt8        // A-ASSOCIATE response primitive (reject)
	Evt9        // P-DATA request primitive
	Evt10       // P-DATA-TF PDU received
	Evt11       // A-RELEASE request primitive
	Evt12       // A-RELEASE-RQ PDU received
	Evt13       // A-RELEASE-RP PDU received
	Evt14       // A-RELEASE response primitive
	Evt15       // A-ABORT request primitive
	Evt16       // A-ABORT PDU received
	Evt17       // Transport connection closed indication (local transport service)
	Evt18       // ARTIM timer expired
	Evt19       // Unrecognized or invalid PDU received

	events = 19
)

// String gives the standard's short name.
func (e Event) String() string { return fmt.Sprintf("Evt%d", uint8(e)) }

// action is what the machine does (PS3.8 tables 9-6 to 9-9).
type action uint8

const (
	none action = iota
	ae1
	ae2
	ae3
	ae4
	ae5
	ae6
	ae7
	ae8
	dt1
	dt2
	ar1
	ar2
	ar3
	ar4
	ar5
	ar6
	ar7
	ar8
	ar9
	ar10
	aa1
	aa2
	aa3
	aa4
	aa5
	aa6
	aa7
	aa8
)

// String gives the standard's short name.
func (a action) String() string {
	switch {
	case a >= aa1:
		return fmt.Sprintf("AA-%d", a-aa1+1)
	case a >= ar1:
		return fmt.Sprintf("AR-%d", a-ar1+1)
	case a >= dt1:
		return fmt.Sprintf("DT-%d", a-dt1+1)
	case a >= ae1:
		return fmt.Sprintf("AE-%d", a-ae1+1)
	}
	return "none"
}
