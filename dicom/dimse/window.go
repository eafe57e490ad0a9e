package dimse

import "github.com/halong-gateway/halong/dicom/pdu"

// unlimited is how many requests are outstanding at most, either way, where the peers agreed on no limit.
const unlimited = 64

// Window gives the negotiated Asynchronous Operations Window (PS3.7 D.3.3.3): how many requests this end may have
// outstanding, and how many its peer. 0 is no limit.
func (a *Association) Window() (invoke, perform uint16) {
	rq, ac := a.ul.RQ().User.Async, a.ul.AC().User.Async
	if rq == nil || ac == nil {
		return 1, 1
	}
	// Both sub-items speak from the requestor's side.
	invoke, perform = lesser(rq.Invoked, ac.Invoked), lesser(rq.Performed, ac.Performed)
	if !a.ul.Requestor() {
		invoke, perform = perform, invoke
	}
	return invoke, perform
}

// lesser gives the smaller of two limits; 0 is none.
func lesser(a, b uint16) uint16 {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// window grants what is proposed, as far as the Server does; without a proposal there is no answer.
func (s *Server) window(proposed *pdu.AsyncOperations) *pdu.AsyncOperations {
	if proposed == nil {
		return nil
	}
	most := max(s.AsyncOperations, 1)
	return &pdu.AsyncOperations{Invoked: lesser(proposed.Invoked, most), Performed: lesser(proposed.Performed, most)}
}
