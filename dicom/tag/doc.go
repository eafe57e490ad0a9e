// Package tag has a typed constant for every standard data element, named by
// its keyword (PS3.6) or command field (PS3.7 Annex E). Elements of repeating groups
// stand under their first group (OverlayData is 6000,3000).
package tag
