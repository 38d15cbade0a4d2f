//! Single answers: of batches, of questions about access, and what travels beside them.

use std::collections::BTreeMap;

use leadward::proto::{
    BatchDiscardLeadsRequest, BatchGetLeadsRequest, CheckAccessRequest, ExplainAccessRequest, Lead,
    ListLeadAccessRequest, ListLeadHistoryRequest, access_check_result, lead_result,
};

use super::{absent, check_batch, clerk, get_batch, headers, hidden_leads, ids, said};
use crate::support::{ACTIONS, TestServer, answer, call_on_lead, item_status, methods, named, on_both_databases};

/// Each of some leads, with a lead of one's own on either side.
fn among(own: &[Lead; 2], others: &[String]) -> Vec<String> {
    let [first, second] = own;
    others.iter().flat_map(|other| [first.id.clone(), other.clone(), second.id.clone()]).collect()
}

on_both_databases! {
    async fn a_batch_of_leads_is_the_same_with_hidden_leads_as_with_absent_ones(t: TestServer) {
        let (clerk, ben) = (clerk(&t).await, t.agent("ben").await);
        let own = [t.lead_of("first", &clerk).await, t.lead_of("second", &clerk).await];
        let hidden = ids(&hidden_leads(&t, &clerk, &ben).await);
        let nobodys: Vec<_> = hidden.iter().map(|_| absent()).collect();

        let results = get_batch(&clerk, &among(&own, &hidden)).await;
        assert_eq!(results, get_batch(&clerk, &among(&own, &nobodys)).await);
        let single = clerk.get_lead(&absent()).await.unwrap_err();
        assert_eq!(results.len(), 3 * hidden.len());
        for (at, result) in results.into_iter().enumerate() {
            match (at % 3, result.result.unwrap()) {
                (0, lead_result::Result::Lead(lead)) => assert_eq!(lead, own[0]),
                (1, lead_result::Result::Error(error)) => assert_eq!(answer(&item_status(&error)), answer(&single)),
                (2, lead_result::Result::Lead(lead)) => assert_eq!(lead, own[1]),
                (_, other) => panic!("{other:?} at {at}"),
            }
        }
    }

    async fn a_batch_of_checks_is_the_same_with_hidden_leads_as_with_absent_ones(t: TestServer) {
        let (clerk, ben) = (clerk(&t).await, t.agent("ben").await);
        let own = [t.lead_of("first", &clerk).await, t.lead_of("second", &clerk).await];
        let hidden = ids(&hidden_leads(&t, &clerk, &ben).await);
        let nobodys: Vec<_> = hidden.iter().map(|_| absent()).collect();

        for user in [&clerk, &ben] {
            for action in ACTIONS {
                let check = async |lead_ids: &[String]| check_batch(&clerk, &user.id, action, lead_ids).await.unwrap();
                let results = check(&among(&own, &hidden)).await;
                assert_eq!(results, check(&among(&own, &nobodys)).await, "{action:?} of {}", user.name);
                assert_eq!(check(&hidden).await, check(&nobodys).await, "{action:?} of {}", user.name);
                let request = CheckAccessRequest { user_id: user.id.clone(), action: action.into(), lead_id: absent() };
                let single = clerk.permissions().check_access(request).await.unwrap_err();
                let expected = clerk.check(user, action, &own[0].id).await.unwrap();
                assert_eq!(expected, user.id == clerk.id, "the clerk's leads are nobody else's");
                for (at, result) in results.into_iter().enumerate() {
                    match (at % 3, result.outcome.unwrap()) {
                        (0 | 2, access_check_result::Outcome::Allowed(allowed)) => assert_eq!(allowed, expected),
                        (1, access_check_result::Outcome::Error(error)) => {
                            assert_eq!(answer(&item_status(&error)), answer(&single));
                        }
                        (_, other) => panic!("{other:?} at {at}"),
                    }
                }
            }
        }
    }

    /// Whoever is asked about: oneself, an agent who has one of the leads, somebody of whom the caller may not ask.
    async fn questions_about_access_are_answered_alike_for_hidden_and_absent_leads(t: TestServer) {
        let (clerk, ben, admin) = (clerk(&t).await, t.agent("ben").await, t.admin());
        let hidden = hidden_leads(&t, &clerk, &ben).await;
        for action in ACTIONS {
            for user in [&clerk, &ben, &admin] {
                let check = async |lead_id: String| {
                    let request = CheckAccessRequest { user_id: user.id.clone(), action: action.into(), lead_id };
                    said(clerk.permissions().check_access(request).await)
                };
                let explain = async |lead_id: String| {
                    let request = ExplainAccessRequest { user_id: user.id.clone(), action: action.into(), lead_id };
                    said(clerk.permissions().explain_access(request).await)
                };
                let (checked, explained) = (check(absent()).await, explain(absent()).await);
                assert!(checked.is_err() && explained.is_err(), "{checked:?} {explained:?}");
                for lead in &hidden {
                    let case = format!("{action:?} of {} on a lead that is {}", user.name, lead.name());
                    assert_eq!(check(lead.id.clone()).await, checked, "{case}");
                    assert_eq!(explain(lead.id.clone()).await, explained, "{case}");
                }
            }
        }
    }

    /// A page token that was good while the lead could be seen opens nothing once it can't.
    async fn the_lists_of_a_lead_that_was_lost_end_as_if_it_had_never_been(t: TestServer) {
        let clerk = clerk(&t).await;
        let lead = t.lead_of("lost", &clerk).await;
        for name in ["one", "two"] {
            clerk.update_lead(Lead { id: lead.id.clone(), ..named(name) }, &[]).await.unwrap();
        }
        let of = |lead_id: &str, page_token: &str| {
            let (lead_id, page_token) = (lead_id.to_owned(), page_token.to_owned());
            let history =
                ListLeadHistoryRequest { lead_id: lead_id.clone(), page_size: 1, page_token: page_token.clone(), ..Default::default() };
            (history, ListLeadAccessRequest { lead_id, page_size: 1, page_token })
        };
        let (history, access) = of(&lead.id, "");
        let entries = clerk.leads().list_lead_history(history).await.unwrap().into_inner();
        let accesses = clerk.assignments().list_lead_access(access).await.unwrap().into_inner();
        assert!(!entries.next_page_token.is_empty() && !accesses.next_page_token.is_empty());
        let tokens = (entries.next_page_token.as_str(), accesses.next_page_token.as_str());
        t.admin().unassign(&lead.id).await.unwrap();

        let (history, access) = of(&absent(), "");
        let no_entries = said(clerk.leads().list_lead_history(history).await);
        let no_accesses = said(clerk.assignments().list_lead_access(access).await);
        assert!(no_entries.is_err() && no_accesses.is_err());
        for (history_token, access_token) in [("", ""), tokens] {
            let history = of(&lead.id, history_token).0;
            assert_eq!(said(clerk.leads().list_lead_history(history).await), no_entries);
            let access = of(&lead.id, access_token).1;
            assert_eq!(said(clerk.assignments().list_lead_access(access).await), no_accesses);
        }
    }

    async fn what_travels_beside_an_answer_is_the_same_for_hidden_and_absent_leads(t: TestServer) {
        let (clerk, ben) = (clerk(&t).await, t.agent("ben").await);
        let hidden = hidden_leads(&t, &clerk, &ben).await;
        for method in methods().iter().filter(|method| method.takes_lead()) {
            let beside = async |lead_id: &str| match call_on_lead(&method.name, &clerk, lead_id, &ben, "").await {
                Ok(_) => BTreeMap::new(),
                Err(status) => headers(status.metadata()),
            };
            let expected = beside(&absent()).await;
            for lead in &hidden {
                assert_eq!(beside(&lead.id).await, expected, "{} on a lead that is {}", method.name, lead.name());
            }
        }
        let batch = async |lead_ids: Vec<String>| {
            headers(clerk.leads().batch_get_leads(BatchGetLeadsRequest { lead_ids }).await.unwrap().metadata())
        };
        let expected = batch(hidden.iter().map(|_| absent()).collect()).await;
        assert!(!expected.is_empty());
        assert_eq!(batch(ids(&hidden)).await, expected);
        let discards = async |lead_ids: Vec<String>| {
            let request = BatchDiscardLeadsRequest { lead_ids, reason: "Not ready".to_owned(), ..Default::default() };
            headers(clerk.leads().batch_discard_leads(request).await.unwrap().metadata())
        };
        let expected = discards(hidden.iter().map(|_| absent()).collect()).await;
        assert_eq!(discards(ids(&hidden)).await, expected);
    }
}
