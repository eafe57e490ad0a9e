// Package commitment speaks the Storage Commitment Push Model (PS3.4 J.3) from both ends: the SCU asks with an N-ACTION whether
// the peer takes responsibility for SOP Instances, and the SCP tells with an N-EVENT-REPORT, on the same Association or a later
// one, which of them are safe. The package knows messages; whether something is safe is the SCP's to find out.
package commitment
