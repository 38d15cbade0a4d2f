.PHONY: test tools fmt

# Installs what is missing, then runs everything: format, lints, protos, tests on SQLite and on a private PostgreSQL.
test:
	@.ci/test

# grpcurl and buf into target/tools/bin.
tools:
	@.ci/tools

fmt: tools
	cargo fmt --all
	target/tools/bin/buf format --write
