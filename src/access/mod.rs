//! Who may do what. Pure, but for [`authn`] and [`resolve`].

pub mod authn;
mod caller;
pub mod escalation;
pub mod explain;
pub mod fence;
pub mod paths;
pub mod policy;
pub mod resolve;
pub mod rule;
pub mod scope;
pub mod sight;
pub mod token;

pub use caller::Caller;
pub use resolve::{Engine, Resolver};
