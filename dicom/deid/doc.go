// Package deid de-identifies SOP Instances by the Basic Application Level
// Confidentiality Profile of PS3.15 annex E and its options.
//
// A Deidentifier belongs to a project and its secret key: the same key gives the same UIDs, pseudonyms and
// shifts of dates in every run, so that what was sent at different times fits together;
// without the key they cannot be reversed or linked.
//
// What the profile leaves open is decided for the safe side: attributes that the standard's
// dictionary does not know are removed; where an action depends on the attribute's Type, which only the SOP Class
// tells, a dummy value is put that every Type allows; values that survive are searched
// for the identifiers that were removed. Pixels are not looked into: see Warning.
package deid
