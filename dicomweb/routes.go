package dicomweb

import (
	"net/http"

	"github.com/labstack/echo/v4"
)

// Register adds the routes to g, for all facilities and, below
// /facilities/{facility}, for one. Preflight requests (OPTIONS) carry no
// credentials: a middleware in front that asks for them must let OPTIONS pass.
func Register(g *echo.Group, cfg Config) {
	s := newService(cfg)
	s.register(g, transactions(&s.Config))
	s.register(g.Group("/facilities/:facility"), transactions(&s.Config))
}

func newService(cfg Config) *service {
	s := &service{Config: cfg.withDefaults(), pages: &pageCache{}, buffers: &buffers{}}
	s.documents, s.frames = newDocuments(s.Documents), newFrameCache(s.Frames)
	s.decoding = newDecoding(s.Metadata)
	return s
}

// service is what all handlers share.
type service struct {
	Config
	pages     *pageCache
	documents *documents
	frames    *frameCache
	decoding  *decoding
	coders    coders
	*buffers
}

const (
	studyPath    = "/studies/:study"
	seriesPath   = studyPath + "/series/:series"
	instancePath = seriesPath + "/instances/:instance"
)

// Media types of representations (PS3.18 8.7.3).
var (
	modelTypes  = []string{mediaJSON, `multipart/related; type="` + mediaXML + `"`}
	storeTypes  = []string{mediaJSON, mediaXML}
	objectTypes = []string{`multipart/related; type="` + mediaDICOM + `"`, mediaDICOM, mediaZip}
	pixelTypes  = []string{
		`multipart/related; type="` + mediaOctets + `"`, `multipart/related; type="image/jpeg"`, `multipart/related; type="image/jls"`, `multipart/related; type="image/jp2"`,
		`multipart/related; type="image/jphc"`, `multipart/related; type="image/dicom-rle"`, `multipart/related; type="video/mpeg"`, `multipart/related; type="video/mp4"`,
		mediaOctets,
	}
	bulkTypes = []string{mediaOctets, `multipart/related; type="` + mediaOctets + `"`, "application/pdf", `multipart/related; type="application/pdf"`}
	stowTypes = []string{
		`multipart/related; type="` + mediaDICOM + `"`, `multipart/related; type="` + mediaJSON + `"`, `multipart/related; type="` + mediaXML + `"`, mediaDICOM,
	}
)

// Query parameters and header fields.
var (
	searchQuery   = []string{"{attribute}", "includefield", "fuzzymatching", "emptyvaluematching", "multiplevaluematching", "limit", "offset", "accept", "charset"}
	contentQuery  = []string{"accept", "charset"}
	cacheHeaders  = []string{"If-Match", "If-None-Match"}
	rangeHeaders  = []string{"If-None-Match", "Range", "If-Range"}
	codingHeaders = []string{"If-None-Match", "Accept-Encoding"}
)

// studyTransactions are those of the Studies Service (PS3.18 10).
func studyTransactions(*Config) (list []Transaction) {
	for _, x := range []struct {
		id, path string
		of       resource
	}{
		{"SearchForStudies", "/studies", studies},
		{"SearchForSeries", "/series", allSeries},
		{"SearchForInstances", "/instances", allInstances},
		{"SearchForStudySeries", studyPath + "/series", seriesOfStudy},
		{"SearchForStudyInstances", studyPath + "/instances", instancesOfStudy},
		{"SearchForStudySeriesInstances", seriesPath + "/instances", instancesOfSeries},
	} {
		list = append(list, Transaction{
			ID: x.id, Name: "Search", Section: "10.6", Service: "Studies", Method: http.MethodGet, Path: x.path, Accept: modelTypes, Query: searchQuery, Headers: codingHeaders,
			Statuses:  []int{http.StatusOK, http.StatusNoContent, http.StatusNotModified, http.StatusNotAcceptable, http.StatusRequestEntityTooLarge},
			operation: "search", handler: search(x.of),
		})
		byForm := Transaction{ // Halong's own, for parameters that are too long for a URL
			ID: x.id + "ByForm", Name: "Search", Section: "10.6", Method: http.MethodPost, Path: x.path, Accept: modelTypes, Takes: []string{mediaForm}, Query: searchQuery,
			Statuses:  []int{http.StatusOK, http.StatusNoContent, http.StatusNotAcceptable, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType},
			operation: "search", handler: searchForm(x.of),
		}
		if x.path == "/studies" { // the payload tells it from Store
			byForm.operation, byForm.handler = "store", store
		}
		list = append(list, byForm)
	}
	retrieved := func(id, path, operation string, accept, query, headers []string, h func(*request) error, statuses ...int) {
		list = append(list, Transaction{
			ID: id, Name: "Retrieve", Section: "10.4", Service: "Studies", Method: http.MethodGet, Path: path, Accept: accept, Query: query, Headers: headers,
			Statuses: append([]int{http.StatusOK, http.StatusNotModified, http.StatusNotFound, http.StatusGone, http.StatusPreconditionFailed, http.StatusNotAcceptable}, statuses...), operation: operation, handler: h,
		})
	}
	for _, x := range []struct{ what, path string }{{"Study", studyPath}, {"Series", seriesPath}, {"Instance", instancePath}} {
		retrieved("Retrieve"+x.what, x.path, "retrieve", objectTypes, contentQuery, cacheHeaders, retrieve, http.StatusPartialContent)
		retrieved("Retrieve"+x.what+"Bulkdata", x.path+"/bulkdata", "bulkdata", pixelTypes[:len(pixelTypes)-1], contentQuery, cacheHeaders, allBulkdata, http.StatusPartialContent)
		retrieved("Retrieve"+x.what+"PixelData", x.path+"/pixeldata", "bulkdata", pixelTypes[:len(pixelTypes)-1], contentQuery, cacheHeaders, allPixelData, http.StatusPartialContent)
		retrieved("Retrieve"+x.what+"Metadata", x.path+"/metadata", "metadata", modelTypes, contentQuery, codingHeaders, metadata, http.StatusRequestEntityTooLarge)
	}
	retrieved("RetrieveFrames", instancePath+"/frames/:frames", "frames", pixelTypes, contentQuery, cacheHeaders, frames)
	retrieved("RetrieveBulkdata", instancePath+"/bulkdata/*", "bulkdata", bulkTypes, contentQuery, rangeHeaders, bulkdata,
		http.StatusPartialContent, http.StatusRequestedRangeNotSatisfiable)
	for _, x := range []struct{ id, path string }{{"StoreInstances", "/studies"}, {"StoreStudyInstances", studyPath}} {
		list = append(list, Transaction{
			ID: x.id, Name: "Store", Section: "10.5", Service: "Studies", Method: http.MethodPost, Path: x.path, Accept: storeTypes, Takes: stowTypes, Query: contentQuery,
			Statuses: []int{
				http.StatusOK, http.StatusAccepted, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusInsufficientStorage,
			},
			operation: "store", handler: store,
		})
	}
	return list
}
