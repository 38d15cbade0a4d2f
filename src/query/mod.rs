//! How lists are asked for: what of, in which order, from where on. No I/O.

pub mod columns;
pub mod fields;
pub mod filter;
pub mod order;
pub mod page_token;
pub mod slice;
