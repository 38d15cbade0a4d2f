//! What reports show, and the views that keep a report's arguments.

use std::collections::BTreeSet;

use super::{
    Time,
    ids::{GroupId, SavedViewId, UserId},
    lead::Lead,
    money::Currency,
    order::{Order, OrderStatus},
    words,
};

/// A report whose arguments can be kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Report {
    /// Every lead of the company, in columns.
    AllLeads,
    /// The caller's leads, in short.
    MyLeads,
}

words!(Report { AllLeads = "ALL_LEADS", MyLeads = "MY_LEADS" });

/// What a lead says in one column.
#[derive(Clone, PartialEq, Debug)]
pub enum Cell {
    /// A text.
    Text(String),
    /// An instant.
    Time(Time),
    /// Yes or no.
    Flag(bool),
}

/// A lead in a report.
#[derive(Clone, PartialEq, Debug)]
pub struct Row {
    /// The lead.
    pub lead: Lead,
    /// One per column; none: the lead says nothing there.
    pub cells: Vec<Option<Cell>>,
}

/// A lead of the caller's.
#[derive(Clone, PartialEq, Debug)]
pub struct MyLead {
    /// The lead.
    pub lead: Lead,
    /// Where its most recent order stands, of those that the caller sees.
    pub last_order_status: Option<OrderStatus>,
}

/// An order beside its lead.
#[derive(Clone, PartialEq, Debug)]
pub struct OrderDetail {
    /// The order.
    pub order: Order,
    /// The lead's full name.
    pub lead_name: Option<String>,
    /// The lead's e-mail address.
    pub lead_email: Option<String>,
    /// The lead's phone.
    pub lead_phone: Option<String>,
    /// The lead's country.
    pub lead_country: Option<String>,
    /// The lead's stage.
    pub lead_stage: Option<String>,
    /// Who works the lead, and their name, where the caller may know it.
    pub assignee: Option<(UserId, Option<String>)>,
}

/// Which orders the order details are of.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct OrderDetailFilter {
    /// In these statuses; none: in any.
    pub statuses: Vec<OrderStatus>,
    /// In this currency.
    pub currency: Option<Currency>,
    /// Placed then or later.
    pub placed_since: Option<Time>,
    /// Placed before.
    pub placed_before: Option<Time>,
    /// Whether the lead has an assignee.
    pub assigned: Option<bool>,
}

/// A report's arguments under a name.
#[derive(Clone, PartialEq, Debug)]
pub struct SavedView {
    /// Its identity; sorts by creation.
    pub id: SavedViewId,
    /// Of which report.
    pub report: Report,
    /// Whose it is.
    pub owner_id: UserId,
    /// Unique among the owner's views of the report, whatever the case.
    pub name: String,
    /// The columns, in their order; none: the report's own.
    pub columns: Vec<String>,
    /// Which leads, as the owner wrote it.
    pub filter: String,
    /// In which order.
    pub order_by: String,
    /// Whose members see it too.
    pub group_ids: BTreeSet<GroupId>,
    /// When it was created.
    pub create_time: Time,
    /// When it was last changed.
    pub update_time: Time,
    /// Moves with every change.
    pub version: i64,
}

/// A view to keep.
#[derive(Clone, PartialEq, Debug)]
pub struct NewSavedView {
    /// Of which report.
    pub report: Report,
    /// Unique among the owner's views of the report, whatever the case.
    pub name: String,
    /// The columns, in their order.
    pub columns: Vec<String>,
    /// Which leads.
    pub filter: String,
    /// In which order.
    pub order_by: String,
    /// Whose members see it too.
    pub group_ids: Vec<GroupId>,
}

/// What to change of a view; none: leave it.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct SavedViewPatch {
    /// Unique among the owner's views of the report, whatever the case.
    pub name: Option<String>,
    /// All of the columns.
    pub columns: Option<Vec<String>>,
    /// Which leads.
    pub filter: Option<String>,
    /// In which order.
    pub order_by: Option<String>,
    /// All of the groups.
    pub group_ids: Option<Vec<GroupId>>,
}
