//! Companies to try things on: `leadward serve --demo` makes a small one, through the same API as any other; `leadward demo` one of any
//! size, straight into the database.

mod api;
mod company;
mod crowd;
mod dice;
mod fill;
mod readers;
mod words;

use std::net::SocketAddr;

use anyhow::Context;

use self::{
    api::{Api, Ids, id_of},
    company::{Employee, GRANTED_LEAD, GRANTED_TO, MANAGER, SEES_THE_GROUP, STAFF, rows},
};
pub use self::{
    fill::{Args, fill, run},
    readers::{READERS, Reader},
};

/// Somebody whom the demo can be tried as.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "holds a credential")]
pub struct Person {
    /// The shell variable that holds their token.
    pub variable: &'static str,
    /// Their name.
    pub name: &'static str,
    /// What they are, in a few words.
    pub role_line: &'static str,
    /// Their e-mail address; empty for the administrator.
    pub email: &'static str,
    /// Their API token.
    pub token: String,
}

/// Makes the company where it is not there yet, and a fresh token for each of its people.
///
/// # Errors
/// Where the server can't be reached, or refuses.
pub async fn load(addr: SocketAddr, admin_token: &str) -> anyhow::Result<Vec<Person>> {
    let mut api = Api::connect(addr, admin_token).await?;
    let mut users = api.users().await?;
    if !users.contains_key(MANAGER.email) {
        make_company(&mut api, &mut users).await.context("can't make the demo company")?;
    }

    let mut people = Vec::new();
    for employee in std::iter::once(&MANAGER).chain(&STAFF) {
        // Somebody may have given an employee another address since.
        let Some(user_id) = users.get(employee.email) else { continue };
        let token = api.fresh_token(user_id).await?;
        let Employee { variable, name, role_line, email, .. } = *employee;
        people.push(Person { variable, name, role_line, email, token });
    }
    // Last, since it ends the token that we came with where that was made for an earlier start of the demo.
    let token = api.fresh_token(&api.me().await?).await?;
    people.insert(
        0,
        Person { variable: "ADMIN", name: "Administrator", role_line: "may do everything", email: "", token },
    );
    Ok(people)
}

/// What to paste into another terminal, and what to try there.
pub fn greeting(people: &[Person], addr: SocketAddr) -> String {
    let exports = people.iter().map(|person| {
        let Person { variable, name, role_line, token, .. } = person;
        format!("export {variable}={token}  # {name}: {role_line}\n")
    });
    format!("export LEADWARD={addr}\n{}{TO_TRY}", exports.collect::<String>())
}

const TO_TRY: &str = r#"
Paste the lines above into another terminal, then try:

  # Who is Ines, and what may she do?
  grpcurl -plaintext -H "authorization: Bearer $INES" $LEADWARD leadward.v1.DirectoryService/WhoAmI

  # Ines lists her own leads and the one granted to her; Nils lists all of his group.
  grpcurl -plaintext -H "authorization: Bearer $INES" $LEADWARD leadward.v1.LeadService/ListLeads
  grpcurl -plaintext -H "authorization: Bearer $NILS" $LEADWARD leadward.v1.LeadService/ListLeads

  # What has been set aside and can be retrieved: the manager may, Ines may not.
  grpcurl -plaintext -H "authorization: Bearer $MANAGER" -d '{"action": "LEAD_ACTION_RETRIEVE"}' $LEADWARD leadward.v1.LeadService/ListLeads
  grpcurl -plaintext -H "authorization: Bearer $INES" -d '{"action": "LEAD_ACTION_RETRIEVE"}' $LEADWARD leadward.v1.LeadService/ListLeads

The README continues from here with a tour of ten minutes. Ctrl-C stops the server.
"#;

/// Finds what a start that was cut short has made already, and makes the rest.
async fn make_company(api: &mut Api, users: &mut Ids) -> anyhow::Result<()> {
    let profiles = api.profiles().await?;
    let groups = api.groups().await?;
    for employee in &STAFF {
        let user_id = match users.get(employee.email) {
            Some(found) => found.clone(),
            None => api.hire(employee, &profiles).await?,
        };
        for group in employee.groups {
            api.join(id_of(&groups, group)?, &user_id).await?;
        }
        users.insert(employee.email.to_owned(), user_id);
    }

    api.view_own_groups(id_of(users, SEES_THE_GROUP)?).await?;
    for (row, lead_id) in api.import(&rows()?).await? {
        if row.email == GRANTED_LEAD {
            api.grant(&lead_id, id_of(users, GRANTED_TO)?).await?;
        }
        api.finish(&row, lead_id).await?;
    }

    let manager = api.hire(&MANAGER, &profiles).await?;
    users.insert(MANAGER.email.to_owned(), manager);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greeting_can_be_pasted_into_a_shell() {
        let token = "lw_0123".to_owned();
        let person =
            Person { variable: "INES", name: "Ines", role_line: "pre-sales", email: "ines@example.com", token };
        let greeting = greeting(&[person], SocketAddr::from(([127, 0, 0, 1], 50051)));
        let mut lines = greeting.lines();
        assert_eq!(lines.next(), Some("export LEADWARD=127.0.0.1:50051"));
        assert_eq!(lines.next(), Some("export INES=lw_0123  # Ines: pre-sales"));
        assert_eq!(lines.next(), Some(""));
    }
}
