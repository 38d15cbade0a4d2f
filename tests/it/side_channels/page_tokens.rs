//! Page tokens say nothing of where they point.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use leadward::proto::{ErrorReason, ListLeadsRequest, ListLeadsResponse};
use uuid::Uuid;

use crate::support::{Caller, TestServer, answer, on_both_databases, refused};

async fn page(caller: &Caller, page_size: i32, page_token: &str) -> ListLeadsResponse {
    let request = ListLeadsRequest { page_size, page_token: page_token.to_owned(), ..ListLeadsRequest::default() };
    caller.leads().list_leads(request).await.unwrap().into_inner()
}

/// Whether any part of an identity, which begins with the time it was made at, stands readable in some bytes.
fn shows(bytes: &[u8], id: &str) -> bool {
    let id = Uuid::parse_str(id).unwrap();
    id.as_bytes().chunks(8).any(|part| bytes.windows(8).any(|window| window == part))
}

on_both_databases! {
    async fn a_page_token_shows_neither_position_nor_caller(t: TestServer) {
        let (ana, ben) = (t.agent("ana").await, t.agent("ben").await);
        let mut leads = Vec::new();
        for owner in [&ana, &ben, &ana, &ben, &ana] {
            leads.push(t.lead_of("lead", owner).await.id);
        }
        let mut lengths = Vec::new();
        for caller in [&ana, &t.admin()] {
            for page_size in [1, 1, 2] {
                let token = page(caller, page_size, "").await.next_page_token;
                let bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
                for id in leads.iter().chain([&caller.id]) {
                    assert!(!shows(&bytes, id) && !token.contains(id), "{token}");
                }
                lengths.push(token.len());
            }
        }
        assert!(lengths.iter().all(|length| *length == lengths[0]), "{lengths:?}");
    }

    /// Even where the lead that it was made after is the one that was hidden.
    async fn a_page_token_goes_on_without_what_was_hidden_since(t: TestServer) {
        let ana = t.agent("ana").await;
        let mut leads = Vec::new();
        for name in ["oldest", "lost", "deleted", "newest"] {
            leads.push(t.lead_of(name, &ana).await);
        }
        let first = page(&ana, 2, "").await;
        assert_eq!(first.leads, [leads[3].clone(), leads[2].clone()]);
        t.admin().delete(&leads[2].id).await.unwrap();
        t.admin().unassign(&leads[1].id).await.unwrap();

        let second = page(&ana, 2, &first.next_page_token).await;
        assert_eq!((second.leads, second.next_page_token), (vec![leads[0].clone()], String::new()));
    }

    async fn a_page_token_of_another_caller_is_refused_alike_wherever_it_points(t: TestServer) {
        let (ana, ben) = (t.agent("ana").await, t.agent("ben").await);
        for name in ["shown", "hidden", "deleted"] {
            t.lead_of(name, if name == "shown" { &ben } else { &ana }).await;
        }
        let newest = t.lead_of("newest", &ben).await;
        let mut tokens = vec!["nobody's".to_owned()];
        let mut token = String::new();
        loop {
            let found = page(&t.admin(), 1, &token).await;
            if found.leads[0].name() == "deleted" {
                t.admin().delete(&found.leads[0].id).await.unwrap();
            }
            if found.next_page_token.is_empty() {
                break;
            }
            token = found.next_page_token;
            tokens.push(token.clone());
        }
        assert_eq!(tokens.len(), 4);

        let mut answers = Vec::new();
        for page_token in tokens {
            let request = ListLeadsRequest { page_size: 1, page_token, ..ListLeadsRequest::default() };
            answers.push(answer(&refused(ben.leads().list_leads(request).await, ErrorReason::InvalidPageToken)));
        }
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
        assert_eq!(page(&ben, 1, "").await.leads, [newest]);
    }
}
