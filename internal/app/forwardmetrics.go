package app

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/halong-gateway/halong/internal/forward"
)

// forwarded counts an attempt.
func (m *metrics) forwarded(destination string, state forward.State) {
	switch state {
	case forward.Done:
		m.forwardSent.WithLabelValues(destination).Inc()
	case forward.Dead, forward.Gone, forward.Waiting:
		m.forwardFailed.WithLabelValues(destination).Inc()
	}
}

// watchForwarding shows what the ledger says, whenever it is asked.
func (m *metrics) watchForwarding(f *forward.Forwarder) {
	counter := func(name, help string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{"destination"})
		m.registry.MustRegister(v)
		return v
	}
	m.forwardSent = counter("halong_forward_sent_total", "SOP Instances that a destination took, since the start.")
	m.forwardFailed = counter("halong_forward_failed_total", "Attempts to send that failed, since the start.")
	m.registry.MustRegister(newForwardCollector(f))
}

// forwardCollector reads the ledger's sums.
type forwardCollector struct {
	forwarder                         *forward.Forwarder
	entries, entered, oldest          *prometheus.Desc
	queued, dead, held, behind, block *prometheus.Desc
}

func newForwardCollector(f *forward.Forwarder) *forwardCollector {
	d := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	return &forwardCollector{
		forwarder: f,
		entries:   d("halong_forward_entries", "Entries of the ledger by state. Those that are done or gone stay counted when they are listed no longer.", "destination", "state"),
		entered:   d("halong_forward_entered_total", "Entries that the ledger ever had: the sum of the states.", "destination"),
		queued:    d("halong_forward_queued", "Entries that have not ended.", "destination"),
		dead:      d("halong_forward_dead", "Entries that were given up.", "destination"),
		oldest:    d("halong_forward_oldest_seconds", "How long the oldest entry that has not ended is queued, since it came or was replayed or retried; 0 if there is none.", "destination"),
		block:     d("halong_forward_unreachable", "1 while the destination is not reached.", "destination"),
		held:      d("halong_forward_held", "1 while forwarding waits for an operator's decision."),
		behind:    d("halong_forward_events_behind", "Events that rules have not looked at yet."),
	}
}

// Describe implements prometheus.Collector.
func (c *forwardCollector) Describe(out chan<- *prometheus.Desc) {
	prometheus.DescribeByCollect(c, out)
}

// collectTime bounds the reading of the ledger.
const collectTime = 5 * time.Second

// Collect implements prometheus.Collector.
func (c *forwardCollector) Collect(out chan<- prometheus.Metric) {
	ctx, stop := context.WithTimeout(context.Background(), collectTime)
	defer stop()
	list, held, behind, err := c.forwarder.Status(ctx)
	if err != nil {
		out <- prometheus.NewInvalidMetric(c.entries, err)
		return
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	for i := range list {
		s := &list[i]
		for _, state := range forward.States() {
			gauge(c.entries, float64(s.Count[state]), s.Destination, state.String())
		}
		out <- prometheus.MustNewConstMetric(c.entered, prometheus.CounterValue, float64(s.Entered), s.Destination)
		gauge(c.queued, float64(s.Waits()), s.Destination)
		gauge(c.dead, float64(s.Count[forward.Dead]), s.Destination)
		age := 0.0
		if !s.Oldest.IsZero() {
			age = time.Since(s.Oldest).Seconds()
		}
		gauge(c.oldest, age, s.Destination)
		gauge(c.block, truth(s.Unreachable != ""), s.Destination)
	}
	gauge(c.held, truth(held != ""))
	gauge(c.behind, float64(behind))
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
