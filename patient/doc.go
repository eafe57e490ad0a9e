// Package patient keeps who a result or an image belongs to: identifiers with
// their assigning authorities, and demographics, per facility. A patient is the
// first identifier of PID-3 together with its assigning authority; further
// identifiers are kept and found, but never join two patients by themselves. The package declares the
// store it needs and does no input or output of its own.
package patient
