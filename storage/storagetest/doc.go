// Package storagetest is the suite that every adapter of package storage must
// pass, whatever it stores in.
package storagetest
