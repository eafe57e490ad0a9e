// Package dicom holds the words of the DICOM standard that every other part of
// the toolkit uses: tags, value representations, unique identifiers, transfer
// syntaxes, AE titles, and the registries of PS3.6. It knows nothing of the
// product.
package dicom
