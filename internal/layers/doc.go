// Package layers keeps the house in order: its tests read every Go file of the
// repository and fail when a package imports outward or sideways, when a
// dependency leaves the place it was taken for, when code calls what it must
// not, or when a package or an exported name has no comment. The rules are those
// of ARCHITECTURE.md; rules_test.go is where they are written down.
package layers
