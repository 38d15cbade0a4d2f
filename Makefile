.PHONY: test tools fmt bench-access

# Installs what is missing, then runs everything: format, lints, protos, tests on SQLite and on a private PostgreSQL.
test:
	@.ci/test

# grpcurl and buf into target/tools/bin.
tools:
	@.ci/tools

fmt: tools
	cargo fmt --all
	target/tools/bin/buf format --write

# What authentication, scopes and the fence cost, with the cache and the fence on and off.
bench-access:
	cargo bench --locked --bench access
