//! Protos to the vocabulary and back. Whatever comes in is parsed whole: every fault is found before one is told.

mod assignment;
mod directory;
mod distribution;
mod explain;
mod history;
mod lead;
mod money;
mod order;
mod permission;
mod permission_change;
mod query;
mod read_mask;
mod report;
mod settings;
mod time;

use std::{collections::BTreeSet, fmt::Display, str::FromStr};

use prost_types::FieldMask;

pub(super) use self::{
    assignment::*, directory::*, distribution::*, explain::*, history::*, lead::*, money::*, order::*, permission::*,
    permission_change::*, query::*, read_mask::*, report::*, settings::*, time::*,
};
use crate::domain::{Error, Result, Violation};

/// The most items of one batch.
pub(super) const MOST_ITEMS: usize = 1000;

/// Gathers what is wrong with a request.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<Violation>);

impl Faults {
    /// Notes a fault of a field.
    pub fn add(&mut self, field: impl Into<String>, description: impl Into<String>) {
        self.0.push(Violation { field: field.into(), description: description.into() });
    }

    /// Notes a fault where there is no value; hands the value on where there is one.
    pub fn some<T>(&mut self, field: impl Into<String>, description: &str, value: Option<T>) -> Option<T> {
        if value.is_none() {
            self.add(field, description);
        }
        value
    }

    /// The value of a request without faults.
    ///
    /// # Errors
    /// INVALID_ARGUMENT with every fault noted.
    pub fn unless<T>(self, value: Option<T>) -> Result<T> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ if self.0.is_empty() => Err(Error::Internal("a request was refused without a fault".to_owned())),
            _ => Err(Error::Invalid(self.0)),
        }
    }

    /// An ID that must be given.
    pub fn id<T: FromStr>(&mut self, field: impl Into<String>, text: &str) -> Option<T> {
        let description = if text.is_empty() { "is required" } else { "is not an ID" };
        self.some(field, description, text.parse().ok())
    }

    /// An ID that may be left out.
    pub fn optional_id<T: FromStr>(&mut self, field: impl Into<String>, text: &str) -> Option<T> {
        if text.is_empty() { None } else { self.id(field, text) }
    }

    /// IDs of a batch: at least one, not too many.
    pub fn ids<T: FromStr>(&mut self, field: &str, texts: &[String]) -> Option<Vec<T>> {
        if texts.is_empty() || texts.len() > MOST_ITEMS {
            self.add(field, format!("takes 1 to {MOST_ITEMS} IDs"));
            return None;
        }
        let ids: Vec<Option<T>> =
            texts.iter().enumerate().map(|(at, id)| self.id(format!("{field}[{at}]"), id)).collect();
        ids.into_iter().collect()
    }

    /// A line of text with a length in characters, trimmed; control characters are no text.
    pub fn line(&mut self, field: impl Into<String>, text: &str, longest: usize) -> Option<String> {
        let text = text.trim();
        let field = field.into();
        if text.chars().count() > longest {
            self.add(field, format!("is longer than {longest} characters"));
        } else if text.chars().any(char::is_control) {
            self.add(field, "contains control characters");
        } else {
            return Some(text.to_owned());
        }
        None
    }

    /// A line of text that must be given.
    pub fn name(&mut self, field: impl Into<String>, text: Option<&str>, longest: usize) -> Option<String> {
        let field = field.into();
        match text.map(str::trim) {
            None | Some("") => {
                self.add(field, "is required");
                None
            }
            Some(text) => self.line(field, text, longest),
        }
    }
}

/// A value that the proto's enum has, the unspecified one left out.
pub(super) fn specified<E: TryFrom<i32> + PartialEq + Default>(value: i32) -> Option<E> {
    E::try_from(value).ok().filter(|value| *value != E::default())
}

/// Which fields an update names.
pub(super) struct Mask(Option<BTreeSet<String>>);

impl Mask {
    /// The mask of a request; a path that can't be set is a fault. None given: the populated fields.
    pub fn of(mask: Option<FieldMask>, settable: &[&str], faults: &mut Faults) -> Self {
        let Some(mask) = mask.filter(|mask| !mask.paths.is_empty()) else { return Self(None) };
        for (at, path) in mask.paths.iter().enumerate() {
            if !settable.contains(&path.as_str()) {
                faults.add(
                    format!("update_mask.paths[{at}]"),
                    format!("can't be set; settable are {}", settable.join(", ")),
                );
            }
        }
        Self(Some(mask.paths.into_iter().collect()))
    }

    /// Whether a field is to be changed.
    pub fn names(&self, path: &str, populated: bool) -> bool {
        match &self.0 {
            Some(paths) => paths.contains(path),
            None => populated,
        }
    }
}

/// An etag as given: none where it is left out.
pub(super) fn etag(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// An optional ID as text.
pub(super) fn id_text(id: Option<impl Display>) -> String {
    id.map(|id| id.to_string()).unwrap_or_default()
}
