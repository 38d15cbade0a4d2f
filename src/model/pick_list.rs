//! Lists from which stages, discard reasons and dispositions are picked.

use super::{ids::EntryId, words};

/// Which list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PickList {
    /// Stages of the work.
    Stage,
    /// Why leads are discarded.
    DiscardReason,
    /// How the work ended.
    Disposition,
}

words!(PickList { Stage = "STAGE", DiscardReason = "DISCARD_REASON", Disposition = "DISPOSITION" });

/// What a disposition is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Category {
    /// Ends the work on a lead.
    Sales,
    /// For customer service.
    Service,
}

words!(Category { Sales = "SALES", Service = "SERVICE" });

/// One choice.
#[derive(Clone, PartialEq, Debug)]
pub struct Entry {
    /// Its identity.
    pub id: EntryId,
    /// The list it belongs to.
    pub list: PickList,
    /// Unique in its list whatever the case.
    pub name: String,
    /// For dispositions.
    pub category: Option<Category>,
    /// Whether it can't be chosen any more.
    pub disabled: bool,
    /// Moves with every change.
    pub version: i64,
}
