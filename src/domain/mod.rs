//! The use cases, one file a concept. Rules are here; SQL and protos are not.

pub mod assignment;
pub mod audit;
pub mod batches;
pub mod bootstrap;
pub mod creation;
pub mod deposits;
pub mod directory;
pub mod distribution;
mod error;
pub mod etag;
pub mod groups;
pub mod history;
pub mod housekeeping;
pub mod lead_access;
pub mod leads;
pub mod orders;
pub mod permissions;
pub mod pick_lists;
pub mod profiles;
pub mod queries;
pub mod reports;
pub mod requests;
mod rights;
pub mod saved_views;
pub mod settings;
pub mod tokens;
pub mod tombstones;
pub mod watch;

pub use crate::model::distribution::Ineligible;
pub use error::{Error, Resource, Result, Unrevocable, Violation};
