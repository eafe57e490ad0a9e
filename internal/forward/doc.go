// Package forward sends what was stored on to other archives.
//
// A consumer turns numbered events into entries of a ledger, one for each version of a SOP Instance and destination, by rules.
// The entries are the only queue: senders lease them, send by C-STORE or STOW-RS, and write down what came of it. An entry
// ends as done, dead (refused for good, or tried for too long) or gone (deleted meanwhile); what entered is what ended and
// what waits, always.
package forward
