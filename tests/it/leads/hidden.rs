//! A lead that is hidden and a lead that never was are the same answer, byte for byte.

use leadward::proto::{AccessLevel, Capability, Profile, Role};
use uuid::Uuid;

use crate::support::{Caller, TestServer, answer, call_on_lead, every_action, methods, on_both_databases, profile};

/// Reaches own leads with every action, and may call everything that is about a lead.
async fn clerk(t: &TestServer) -> Caller {
    let clerks = Profile {
        permissions: every_action(AccessLevel::Individual),
        capabilities: vec![Capability::ConfigurePermissions.into(), Capability::ManageLeadAccess.into()],
        ..profile("clerk", Role::Manager)
    };
    t.create_profile(clerks).await;
    t.user("clara", "clerk").await
}

on_both_databases! {
    async fn a_hidden_lead_and_an_absent_one_are_the_same_answer(t: TestServer) {
        let (clerk, ana, ben) = (clerk(&t).await, t.agent("ana").await, t.agent("ben").await);
        let (pooled, assigned) = (t.lead("pooled").await, t.lead_of("Ana's", &ana).await);
        let (discarded, resolved) = (t.lead_of("discarded", &ana).await, t.lead_of("resolved", &ana).await);
        let (deleted, revoked) = (t.lead_of("deleted", &clerk).await, t.lead_of("revoked", &clerk).await);
        for lead in [&pooled, &assigned, &discarded, &resolved, &deleted, &revoked] {
            t.admin().take_keys(&lead.id).await;
        }
        let pooled = t.admin().get_lead(&pooled.id).await.unwrap();
        t.admin().discard(&discarded.id).await.unwrap();
        t.admin().resolve(&resolved.id).await.unwrap();
        t.admin().delete(&deleted.id).await.unwrap();
        t.admin().unassign(&revoked.id).await.unwrap();

        let methods: Vec<_> = methods().into_iter().filter(|method| method.takes_lead()).collect();
        assert!(methods.len() >= 22, "{} calls take a lead", methods.len());
        for method in methods {
            for etag in ["", &pooled.etag] {
                let absent = Uuid::now_v7().to_string();
                let expected = call_on_lead(&method.name, &clerk, &absent, &ben, etag).await.unwrap_err();
                for hidden in [&pooled, &assigned, &discarded, &resolved, &deleted, &revoked] {
                    let status = call_on_lead(&method.name, &clerk, &hidden.id, &ben, etag).await.unwrap_err();
                    assert_eq!(answer(&status), answer(&expected), "{} on {}", method.name, hidden.name());
                }
            }
        }
    }

    async fn no_refusal_repeats_the_id_it_was_asked_for(t: TestServer) {
        let (clerk, ben) = (clerk(&t).await, t.agent("ben").await);
        let hidden = t.lead("hidden").await;
        for method in methods().iter().filter(|method| method.takes_lead()) {
            let status = call_on_lead(&method.name, &clerk, &hidden.id, &ben, "").await.unwrap_err();
            let (_, message, details) = answer(&status);
            let said = message + &String::from_utf8_lossy(&details);
            assert!(!said.contains(&hidden.id) && !said.contains("hidden"), "{}: {said}", method.name);
        }
    }
}
