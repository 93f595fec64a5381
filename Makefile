# Everything is one command. `make` alone tells which.
SHELL := /bin/bash
.DEFAULT_GOAL := help

GOLANGCI := v2.15.0
FUZZTIME ?= 10s
SEEDS ?= 0-3000
CHAOS ?= 3
KILLS ?= 1000
SOAK ?= 1h
export GOFLAGS ?= -buildvcs=false

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/meridian
	go build -trimpath -o bin/meridian ./cmd/meridian

.PHONY: test
test: setup check audit ## install what the tests need, check the sources, run every test under the race detector
	MERIDIAN_REQUIRE=1 go test -race -parallel 4 -timeout 30m ./...
	MERIDIAN_SEEDS=$(SEEDS) GOGC=800 go test -count=1 -timeout 30m -run 'TestChaos$$' ./replicate

.PHONY: audit
audit: ## known vulnerabilities in what is used (govulncheck), dangerous constructs in what is written here (gosec)
	./scripts/audit.sh

.PHONY: long
long: setup ## the black-box tests with all their rounds, gateways under the race detector too
	MERIDIAN_REQUIRE=1 MERIDIAN_LONG=1 RACE=1 go test -race -count=1 -timeout 2h ./tests/...

.PHONY: field
field: setup ## real request servers described by profile alone (Redmine, RT, CAP, CouchDB, Strapi, ...); installs them, some minutes
	./scripts/field.sh
	./scripts/fieldnpm.sh
	MERIDIAN_FIELD=1 MERIDIAN_REQUIRE=1 go test -count=1 -timeout 60m ./tests/field ./tests/fieldnpm

.PHONY: quick
quick: check ## every test but the black-box ones
	go test -race $$(go list ./... | grep -v /tests)

.PHONY: simulate
simulate: ## the simulation of moving ownership alone, for SEEDS=FROM-TO (0-3000)
	MERIDIAN_SEEDS=$(SEEDS) GOGC=800 go test -count=1 -timeout 12h -run 'TestChaos$$' ./replicate

.PHONY: chaos
chaos: setup ## every fault under every operation, CHAOS rounds (3), then KILLS kills (1000); fails when anything is wrong (docs/faults.md)
	go run ./tests/chaos/cmd/chaos matrix -rounds $(CHAOS)
	go run ./tests/chaos/cmd/chaos kills -kills $(KILLS)

.PHONY: soak
soak: setup ## mixed load with random faults on both stores for SOAK (1h); fails when anything is wrong or grows
	go run ./tests/chaos/cmd/chaos soak -for $(SOAK) -csv soak.csv

.PHONY: setup
setup: ## install json-server, PocketBase and Redis for the tests, where they are missing
	@./scripts/setup.sh

.PHONY: check
check: ## gofmt and go vet, for Windows and macOS too
	@unformatted=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go')); \
	if [ -n "$$unformatted" ]; then echo "gofmt -w these files:" $$unformatted >&2; exit 1; fi
	go vet ./...
	GOOS=windows CGO_ENABLED=0 go vet ./cmd/... ./internal/...
	GOOS=darwin CGO_ENABLED=0 go vet ./cmd/... ./internal/...

.PHONY: lint
lint: .cache/bin/golangci-lint-$(GOLANGCI) ## golangci-lint; builds it at the first time, some minutes
	$< run ./...

.cache/bin/golangci-lint-$(GOLANGCI):
	GOBIN=$(CURDIR)/.cache/bin GOFLAGS=-mod=mod go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI)
	mv .cache/bin/golangci-lint $@

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME (10s)
	@grep -rl --include='*_test.go' '^func Fuzz' . | sort | while read -r file; do \
		for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$$file"); do \
			echo "$$target in $$(dirname "$$file")"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$(dirname "$$file")" || exit 1; \
		done; \
	done

.PHONY: demo
demo: ## the furniture company with its request APIs, in one process
	go run ./cmd/meridian demo

.PHONY: man
man: ## the manual pages, into dist/man
	go run ./cmd/meridian man dist/man

.PHONY: dist
dist: ## what is given out, into dist/: archives for six systems, .deb, SHA256SUMS; TARGETS="linux/amd64 ..." for fewer
	./scripts/dist.sh

.PHONY: wine
wine: ## the program for Windows under Wine, as a person would use it; installs Wine (Debian's)
	{ command -v wine && command -v x86_64-w64-mingw32-gcc; } >/dev/null || apt-get install -y --no-install-recommends wine wine64 gcc-mingw-w64-x86-64
	MERIDIAN_WINE=1 MERIDIAN_REQUIRE=1 go test -count=1 -timeout 20m -run Wine ./tests/deploy

.PHONY: bench
bench: ## measure, side by side with peers
	go run ./bench

.PHONY: clean
clean: ## remove what was built and installed
	rm -rf bin dist .cache
