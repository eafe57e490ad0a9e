// Package lab keeps laboratory results: reports and observations read from
// ORU messages (HL7 chapter 7), with every version of them. Nothing is ever overwritten:
// each message adds a version as it was received, and what is shown is folded from the
// versions by the policy in [Status] and [Fold]. The package declares the
// store it needs and does no input or output of its own.
package lab
