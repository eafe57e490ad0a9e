// Package disktest holds file systems for testing what storage/disk promises:
// Hook looks at, fails or skips single operations, Trace writes down their
// order, and Sim is a file system in memory that remembers every operation and
// can give the state after a power cut at any of them.
package disktest
