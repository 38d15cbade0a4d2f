//! leadward from outside: a real server on a port of its own, a real database, real clients.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on has failed")]
#![allow(clippy::disallowed_methods, reason = "tests look at the service, its database and its clock from outside")]
#![allow(clippy::cloned_ref_to_slice_refs, reason = "a list of one reads best as a list")]

mod support;

mod access_matrix;
mod assignment;
mod bad_input;
mod demo_fill;
mod directory;
mod distribution;
mod export;
mod export_command;
mod import;
mod incidents;
mod killed;
mod leads;
mod life;
mod lists;
mod oracle;
mod orders;
mod permissions;
mod report_command;
mod reports;
mod requests;
mod revocation_history;
mod side_channels;
mod state_machine;
mod tour;
mod watch;
mod web;
