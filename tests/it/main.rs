//! leadward from outside: a real server on a port of its own, a real database, real clients.

mod support;

mod access_matrix;
mod assignment;
mod bad_input;
mod directory;
mod import;
mod killed;
mod leads;
mod oracle;
mod permissions;
mod tour;
