// Package halong holds the words of the product: facilities, digests, the
// identity of studies and instances, events, transactions and errors. It does
// no input or output and depends on no other package of the product, so that
// services, adapters and edges can all speak it.
package halong
