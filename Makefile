# Halong: what a developer or CI runs. Every target works on a fresh Debian
# machine with Go; what else is missing is installed by `deps`, which says so.

GO          ?= go
FUZZTIME    ?= 30s
KILLS       ?= 50
STATICCHECK ?= honnef.co/go/tools/cmd/staticcheck@v0.7.0
GOFUMPT     ?= mvdan.cc/gofumpt@v0.10.0
SHARED      ?= ../shared

# Packages in which goroutines meet; run once more under the race detector.
RACE ?= ./dicom/ul/... ./dicom/dimse/... ./dicomweb ./hl7v2/mllp/... ./storage ./storage/disk/... ./storage/sqlite/... \
	./worklist/... ./internal/scp/... ./internal/scu/... ./internal/intake/... ./internal/forward/... ./internal/app/...

export CGO_ENABLED = 0

.PHONY: help build demo run deps interop conformance pages test vet layers unit race fuzz lint bench bench-move bench-growth big nightly clean

help:
	@echo "make demo     start a gateway on loopback with an invented patient in it"
	@echo "make run      start the gateway: halong serve"
	@echo "make test     everything CI runs: vet, layers, unit and conformance tests, race detector"
	@echo "make race     the race detector alone (RACE=packages)"
	@echo "make fuzz     every fuzz target for FUZZTIME=$(FUZZTIME) each"
	@echo "make lint     go vet, staticcheck, gofumpt"
	@echo "make bench    compare with other servers (needs $(SHARED)/bench and Debian's orthanc)"
	@echo "make bench-move  C-MOVE against Debian's orthanc, C-FIND against QIDO-RS at 100,000 studies"
	@echo "make bench-growth  what requests cost at 2,000 and at 40,000 instances"
	@echo "make big      ten objects of 1 GB at once, in bounded memory"
	@echo "make pages    write the pages that tests make: docs/interop.md, hard-cases.md, conformance-dicom.md, conformance-hl7.md"
	@echo "make nightly  the long tests: kill -9 $(KILLS) times, every fuzz target 10 minutes"
	@echo "make build    bin/halong, one static binary"

build:
	$(GO) build -trimpath -ldflags "-s -w" -o bin/halong ./cmd/halong

demo: build
	./bin/halong demo

run: build
	./bin/halong serve

deps:
	@sh .ci/deps

test: deps vet layers unit race
	@echo "make test: all passed"

vet:
	$(GO) vet ./...

layers:
	$(GO) test -count=1 ./internal/layers

unit:
	$(GO) test -vet=off -timeout 20m ./...

# The race detector needs cgo and a C compiler. SQLite is C in translation with locks of its own, and 25 times as slow when
# it is watched. Left out are tests of one goroutine that take long: large values, memory, the corpus, every cut.
race:
	CGO_ENABLED=1 $(GO) test -vet=off -race -gcflags='modernc.org/...=-race=false' -short \
		-skip 'Complaint06|Complaint14|Corpus|Large|Memory|Budget|Thousand|0000|EveryChange' -timeout 20m $(RACE)

fuzz:
	@GO="$(GO)" FUZZTIME="$(FUZZTIME)" sh .ci/fuzz

lint: vet
	$(GO) run $(STATICCHECK) ./...
	@out=$$($(GO) run $(GOFUMPT) -l $$(git ls-files '*.go')); \
	if [ -n "$$out" ]; then echo "gofumpt would change:"; echo "$$out"; exit 1; fi

bench: build
	GATEWAY_CMD="$(CURDIR)/bin/halong serve --data ." GATEWAY_DICOM=11112 \
	GATEWAY_URL=http://127.0.0.1:8080/dicom-web GATEWAY_MLLP=2575 \
	$(SHARED)/bench/run-peers.sh storescp orthanc gateway

bench-move:
	HALONG_BENCH=1 $(GO) test -count=1 -timeout 30m -v -run 'TestMoveThroughput|TestFindSpeed' ./conformance

bench-growth:
	HALONG_BENCH=1 $(GO) test -count=1 -timeout 30m -v -run 'TestGrowth$$' ./conformance

big:
	HALONG_BIG=1000 $(GO) test -count=1 -timeout 30m -v -run TestLargeObjects ./conformance

nightly: deps big
	HALONG_KILLS=$(KILLS) HALONG_NIGHTLY=1 $(GO) test -count=1 -timeout 120m ./conformance/... ./storage/...
	@GO="$(GO)" FUZZTIME=10m sh .ci/fuzz

# The whole of the conformance tests: a row of the page is what a test did.
interop: deps
	$(GO) test -count=1 -timeout 20m ./conformance -update

conformance:
	$(GO) test -count=1 -run TestConformanceStatementIsCurrent ./internal/app -update
	$(GO) test -count=1 -run TestHL7StatementIsCurrent ./internal/intake -update

pages: conformance interop

clean:
	rm -rf bin
