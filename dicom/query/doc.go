// Package query holds the attribute matching of PS3.4 C.2.2.2: what a C-FIND
// identifier, a QIDO-RS parameter or a worklist query asks for, and whether a
// data set matches. Matching against an index uses Kind, Range, Like and Glob.
package query
