// Package conformance holds the black-box tests of the whole gateway: against
// real peers, over its real ports, under faults.
package conformance
