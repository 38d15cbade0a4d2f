//! What users and groups are called in files.

use std::collections::HashMap;

use tonic::Status;
use tonic_types::StatusExt;

use super::sheet::Field;
use crate::{
    cli::remote::{Connection, LARGEST_ANSWER, failed},
    model::ids::GroupId,
    proto::{ErrorReason, ListGroupsRequest, ListUsersRequest, directory_service_client::DirectoryServiceClient},
};

const PAGE: i32 = 1000;

/// Users' e-mails and groups' names by ID; whoever is not among them goes by the ID.
#[derive(Default)]
pub(super) struct Names {
    users: HashMap<String, String>,
    groups: HashMap<String, String>,
}

impl Names {
    /// Reads what the fields need of the directory, where that is open to the caller.
    pub(super) async fn read(connection: &Connection, fields: &[Field]) -> anyhow::Result<Self> {
        let users = fields.iter().any(|field| matches!(field, Field::Assignee | Field::CreatedBy));
        let groups = fields.contains(&Field::Group);
        match Self::ask(connection, users, groups).await {
            Ok(names) => Ok(names),
            Err(status) if is_closed(&status) => {
                eprintln!("note: users and groups are given by their IDs, as this user may not read the directory");
                Ok(Self::default())
            }
            Err(status) => Err(failed(&status)),
        }
    }

    async fn ask(connection: &Connection, users: bool, groups: bool) -> Result<Self, Status> {
        let client = DirectoryServiceClient::new(connection.clone()).max_decoding_message_size(LARGEST_ANSWER);
        let mut names = Self::default();
        if users {
            names.users = all_users(client.clone()).await?;
        }
        if groups {
            names.groups = all_groups(client).await?;
        }
        Ok(names)
    }

    /// What a user is called.
    pub(super) fn user<'a>(&'a self, id: &'a str) -> &'a str {
        self.users.get(id).map_or(id, String::as_str)
    }

    /// What a group is called.
    pub(super) fn group<'a>(&'a self, id: &'a str) -> &'a str {
        self.groups.get(id).map_or(id, String::as_str)
    }
}

async fn all_users(mut client: DirectoryServiceClient<Connection>) -> Result<HashMap<String, String>, Status> {
    let mut request = ListUsersRequest { include_deactivated: true, page_size: PAGE, ..ListUsersRequest::default() };
    let mut users = HashMap::new();
    loop {
        let page = client.list_users(request.clone()).await?.into_inner();
        users.extend(page.users.into_iter().filter_map(|user| Some((user.id, user.email?))));
        if page.next_page_token.is_empty() {
            return Ok(users);
        }
        request.page_token = page.next_page_token;
    }
}

async fn all_groups(mut client: DirectoryServiceClient<Connection>) -> Result<HashMap<String, String>, Status> {
    let mut request = ListGroupsRequest { page_size: PAGE, ..ListGroupsRequest::default() };
    let mut groups = HashMap::new();
    loop {
        let page = client.list_groups(request.clone()).await?.into_inner();
        let named = page.groups.into_iter().filter_map(|group| Some((group.id, group.name?)));
        // A name that looks like an ID would be read as one.
        groups.extend(named.filter(|(_, name)| name.parse::<GroupId>().is_err()));
        if page.next_page_token.is_empty() {
            return Ok(groups);
        }
        request.page_token = page.next_page_token;
    }
}

fn is_closed(status: &Status) -> bool {
    let reason = status.get_details_error_info().map(|info| info.reason).unwrap_or_default();
    ErrorReason::CapabilityRequired.as_str_name().strip_prefix("ERROR_REASON_") == Some(reason.as_str())
}
