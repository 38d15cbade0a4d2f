//! One entity per table, private to the store: every other module speaks the words of `model`.

pub mod api_token;
pub mod assignment;
pub mod assignment_return;
pub mod deposit;
pub mod group;
pub mod group_member;
pub mod import;
pub mod lead;
pub mod lead_access;
pub mod lead_event;
pub mod lead_history;
pub mod lead_search;
pub mod lead_tombstone;
pub mod order;
pub mod permission;
pub mod permission_change;
pub mod permission_group;
pub mod pick_list_entry;
pub mod profile;
pub mod request;
pub mod saved_view;
pub mod saved_view_group;
pub mod secret;
pub mod settings;
pub mod user;
