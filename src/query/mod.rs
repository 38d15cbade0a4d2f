//! How lists are asked for. No I/O.

pub mod page_token;
