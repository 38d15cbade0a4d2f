//! leadward keeps a company's sales leads and decides, for every call, which leads the caller may see and what they may do with them.
//!
//! Data goes one way: bytes → [`server`] → [`access`] (who is calling, and what they reach) → [`rpc`] (convert) → [`domain`]
//! (rules) → [`store`] (SQL).
#![forbid(unsafe_code)]

pub mod access;
pub mod cli;
pub mod domain;
pub mod model;
pub mod proto;
pub mod query;
pub mod rpc;
pub mod server;
pub mod store;
pub mod telemetry;
