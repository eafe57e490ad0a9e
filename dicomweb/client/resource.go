package client

import (
	"net/url"

	"github.com/halong-gateway/halong/dicom"
)

// Resource names a study, a series of it or an instance of that (PS3.18 10.1). UIDs that are empty narrow nothing.
type Resource struct {
	Study, Series, Instance dicom.UID
}

// path gives the resource's path below the service.
func (r Resource) path() string {
	if r.Study == "" {
		return ""
	}
	p := "/studies/" + url.PathEscape(string(r.Study))
	if r.Series != "" {
		p += "/series/" + url.PathEscape(string(r.Series))
		if r.Instance != "" {
			p += "/instances/" + url.PathEscape(string(r.Instance))
		}
	}
	return p
}

// whole tells whether the resource is one that can be named: no UID without those above it.
func (r Resource) whole() bool {
	return r.Study != "" && (r.Series != "" || r.Instance == "")
}
