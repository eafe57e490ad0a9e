// Package sample makes the objects and messages of one invented patient: a CT
// series, a chest radiograph, a multi-frame ultrasound, a report as Structured
// Report and as PDF, and laboratory results with a correction. Nothing in it
// comes from a real person. The same options always make the same bytes.
package sample
