// Package client talks DICOMweb to servers of any make: it stores, searches,
// retrieves and deletes studies (PS3.18 10), and works with worklists (11).
//
// A Client is made as a composite literal and is safe for concurrent use. What can
// be large is streamed: searches page and retrievals give one part at a time, as
// iterators that a loop may leave at any point. A request ends with its context, and
// also when the server says nothing for Client.Answer, or takes or sends no byte for
// Client.Stall.
//
// Refusals of the server are *Error, with status and problem details. Requests that
// may be sent twice without harm (GET, and DELETE) are tried again, as Client.Retries
// says, when the server cannot be reached or says that it is busy; others never are.
package client
