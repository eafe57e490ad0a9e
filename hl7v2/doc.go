// Package hl7v2 reads, builds and answers HL7 version 2 messages (2.1 to 2.9,
// ER7 encoding, HL7 chapter 2). A [Message] is a view over the bytes as they
// were received: nothing is copied or decoded before it is asked for, and
// [Message.Bytes] always gives the received bytes back. Field, repetition,
// component and subcomponent numbers start at 1, as in the standard.
package hl7v2
