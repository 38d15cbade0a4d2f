//! Users by their e-mails.

use anyhow::ensure;
use tonic::Status;

use crate::{
    cli::remote::{Connection, LARGEST_ANSWER, failed},
    proto::{ListUsersRequest, User, WhoAmIRequest, directory_service_client::DirectoryServiceClient},
};

const PAGE: i32 = 1_000;

/// The ID of a user who is given by it or by their e-mail; empty where nobody is given.
pub(super) async fn id(connection: &Connection, user: &str) -> anyhow::Result<String> {
    if !user.contains('@') {
        return Ok(user.to_owned());
    }
    let refused = |status: Status| failed(&status).context(format!("can't look up {user}; give their ID instead"));
    let is_meant = |seen: &User| seen.email().to_lowercase() == user.to_lowercase();

    let mut client = DirectoryServiceClient::new(connection.clone()).max_decoding_message_size(LARGEST_ANSWER);
    // The directory is not open to everybody, but one's own report is.
    let me = client.who_am_i(WhoAmIRequest {}).await.map_err(refused)?.into_inner().user;
    if let Some(me) = me.filter(is_meant) {
        return Ok(me.id);
    }
    let mut request = ListUsersRequest { include_deactivated: true, page_size: PAGE, ..ListUsersRequest::default() };
    loop {
        let page = client.list_users(request.clone()).await.map_err(refused)?.into_inner();
        if let Some(found) = page.users.into_iter().find(is_meant) {
            return Ok(found.id);
        }
        ensure!(!page.next_page_token.is_empty(), "nobody has the e-mail {user}");
        request.page_token = page.next_page_token;
    }
}
