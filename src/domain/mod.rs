//! The use cases, one file a concept. Rules are here; SQL and protos are not.

pub mod assignment;
pub mod audit;
pub mod bootstrap;
pub mod creation;
pub mod directory;
mod error;
pub mod etag;
pub mod groups;
mod history;
pub mod lead_access;
pub mod leads;
pub mod permissions;
pub mod pick_lists;
pub mod profiles;
mod rights;
pub mod settings;
pub mod tokens;

pub use error::{Error, Ineligible, Resource, Result, Unrevocable, Violation};
