package app

import (
	"context"
	"net/http"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are what /metrics tells. Labels are of closed lists: no name, number or
// UID of anything received.
type metrics struct {
	registry                   *prometheus.Registry
	objects                    *prometheus.CounterVec   // protocol, outcome
	receiving                  *prometheus.GaugeVec     // protocol
	storeSeconds               *prometheus.HistogramVec // protocol
	messages                   *prometheus.CounterVec   // outcome
	messageTime                prometheus.Histogram
	associations               prometheus.Gauge
	accepted                   prometheus.Counter
	refused                    *prometheus.CounterVec   // protocol
	dimse                      *prometheus.CounterVec   // operation, status
	dimseTime                  *prometheus.HistogramVec // operation
	commitments                *prometheus.CounterVec   // outcome
	connections                prometheus.Gauge
	deidentified               *prometheus.CounterVec   // project, warning, outcome
	forwardSent, forwardFailed *prometheus.CounterVec   // destination; made when something is forwarded
	requests                   *prometheus.CounterVec   // method, route, status
	requestTime                *prometheus.HistogramVec // route
}

// seconds are the histograms' bounds: from half a millisecond to half a minute.
var seconds = []float64{.0005, .001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 30}

func newMetrics(version string, queue func() int) *metrics {
	m := &metrics{registry: prometheus.NewRegistry()}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
		m.registry.MustRegister(v)
		return v
	}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
		m.registry.MustRegister(v)
		return v
	}
	histogram := func(name, help string, labels ...string) *prometheus.HistogramVec {
		v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: seconds}, labels)
		m.registry.MustRegister(v)
		return v
	}
	m.objects = counter("halong_ingest_objects_total", "SOP Instances received, by protocol and outcome (stored, hidden, duplicate, version, quarantined, or the kind of failure).", "protocol", "outcome")
	m.receiving = gauge("halong_ingest_in_progress", "SOP Instances being received or waiting for their commit.", "protocol")
	m.storeSeconds = histogram("halong_ingest_seconds", "Time from an object's first byte to its durable commit.", "protocol")
	m.deidentified = counter("halong_deidentification_warnings_total", "SOP Instances that may identify after de-identification, by project, reason and whether they were sent or refused.", "project", "reason", "outcome")
	m.messages = counter("halong_messages_total", "HL7v2 messages received, by outcome.", "outcome")
	m.messageTime = histogram("halong_message_seconds", "Time from a whole HL7v2 message to its answer.").WithLabelValues().(prometheus.Histogram)
	m.associations = gauge("halong_associations", "Open DICOM associations.").WithLabelValues()
	m.accepted = counter("halong_associations_total", "DICOM associations accepted.").WithLabelValues()
	m.refused = counter("halong_refused_total", "Connections and associations refused, by protocol.", "protocol")
	m.dimse = counter("halong_dimse_responses_total", "DIMSE requests answered, by operation and status (hexadecimal).", "operation", "status")
	m.dimseTime = histogram("halong_dimse_seconds", "Time to answer a DIMSE request, from its whole command set on.", "operation")
	m.commitments = counter("halong_storage_commitments_total", "Storage commitments: checked (complete, failures), and told to the peer or given up (reported, unreported).", "outcome")
	m.connections = gauge("halong_mllp_connections", "Open MLLP connections.").WithLabelValues()
	m.requests = counter("halong_http_requests_total", "HTTP requests by route.", "method", "route", "status")
	m.requestTime = histogram("halong_http_seconds", "Time to answer an HTTP request, by route.", "route")
	m.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "halong_commit_queue_length", Help: "Transactions that wait for the committer.",
		}, func() float64 { return float64(queue()) }),
	)
	build := gauge("halong_build_info", "Always 1; the version is in the label.", "version")
	build.WithLabelValues(version).Set(1)
	return m
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}

// archive is the storage.Archive with every Store counted and timed.
type archive struct {
	*storage.Archive
	metrics *metrics
}

// Store implements the edges' Storer.
func (a archive) Store(ctx context.Context, in storage.Inbound) (storage.Receipt, error) {
	protocol := in.Source.Protocol
	busy := a.metrics.receiving.WithLabelValues(protocol)
	busy.Inc()
	start := time.Now()
	r, err := a.Archive.Store(ctx, in)
	busy.Dec()
	a.metrics.storeSeconds.WithLabelValues(protocol).Observe(time.Since(start).Seconds())
	a.metrics.objects.WithLabelValues(protocol, outcome(r, err)).Inc()
	return r, err
}

func outcome(r storage.Receipt, err error) string {
	if r.Hidden {
		return "hidden"
	}
	switch r.Outcome {
	case storage.Quarantined:
		return "quarantined"
	case storage.Stored:
		return "stored"
	case storage.Duplicate:
		return "duplicate"
	case storage.Version:
		return "version"
	}
	return halong.KindOf(err).String()
}
