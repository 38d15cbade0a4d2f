.PHONY: test tools fmt bench-access bench-import

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

# Imports and exports beside the fastest that each database can do by itself; LEADWARD_ROWS says how many rows.
bench-import:
	cargo bench --locked --bench import
