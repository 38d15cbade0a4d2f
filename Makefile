.PHONY: test tools fmt fuzz bench-access bench-assign bench-import bench-lists

# Installs what is missing, then runs everything: format, lints, protos, tests on SQLite and on a private PostgreSQL.
test:
	@.ci/test

# grpcurl and buf into target/tools/bin.
tools:
	@.ci/tools

fmt: tools
	cargo fmt --all
	target/tools/bin/buf format --write

# Any text as a filter, a field or an order, for ten minutes; takes cargo-fuzz and a nightly compiler.
fuzz:
	cargo +nightly fuzz run filter -- -dict=fuzz/filter.dict -max_total_time=600

# What authentication, scopes and the fence cost, with the cache and the fence on and off.
bench-access:
	cargo bench --locked --bench access

# Leads given away by a filter, beside the bare statements; LEADWARD_LEADS says how many leads the company has.
bench-assign:
	cargo bench --locked --bench assign

# Imports and exports beside the fastest that each database can do by itself; LEADWARD_ROWS says how many rows.
bench-import:
	cargo bench --locked --bench import

# Lists of leads for readers of every kind, in every order; LEADWARD_LEADS says how many leads, LEADWARD_BENCH_DATABASE_URL where they are.
bench-lists:
	cargo bench --locked --bench lists
