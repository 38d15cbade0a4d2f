//! Rows of one message: each is judged by itself, as the rows before it left things.

use leadward::proto::{
    AccessLevel, DuplicatePolicy, ErrorReason, ImportOptions, ImportOutcome, ImportResult, ImportRow, Lead, LeadAction,
    Profile, Role,
};

use super::known_as;
use crate::support::{
    Caller, TestServer, every_action, fact, faults, item_status, named, on_both_databases, profile, refused,
    seconds_ago, seconds_from_now,
};

fn row(row_number: i64, lead: Lead) -> ImportRow {
    ImportRow { row_number, lead: Some(lead), ..ImportRow::default() }
}

/// Imports rows that update what exists.
async fn import(caller: &Caller, leads: Vec<Lead>) -> Vec<ImportResult> {
    let options = ImportOptions { on_duplicate: DuplicatePolicy::Update.into(), ..ImportOptions::default() };
    caller.import_as(options, (1..).zip(leads).map(|(number, lead)| row(number, lead)).collect()).await.unwrap()
}

fn campaign(name: &str) -> Lead {
    Lead { campaign: Some(name.to_owned()), ..Lead::default() }
}

fn outcomes(results: &[ImportResult]) -> Vec<ImportOutcome> {
    results.iter().map(ImportResult::outcome).collect()
}

on_both_databases! {
    /// What a row gives a lead it is known by in the next, and what a row takes from it no more.
    async fn rows_of_one_lead_find_it_as_the_rows_before_left_it(t: TestServer) {
        let admin = t.admin();
        let email = |text: &str| Some(text.to_owned());
        let lead = admin.create_lead(Lead { email: email("ana@example.com"), ..named("Ana") }).await.unwrap();
        let rows = vec![
            Lead { email: email("ana@example.com"), ..known_as("platform-1") },
            Lead { email: email("eva@example.com"), ..known_as("platform-1") },
            Lead { email: email("EVA@example.com"), campaign: Some("spring".to_owned()), ..Lead::default() },
            Lead { email: email("ana@example.com"), ..named("somebody else") },
            Lead { email: email("ana@example.com"), campaign: Some("autumn".to_owned()), ..Lead::default() },
            named("a third"),
        ];
        let results = import(&admin, rows).await;
        let expected = [
            ImportOutcome::Updated,
            ImportOutcome::Updated,
            ImportOutcome::Updated,
            ImportOutcome::Created,
            ImportOutcome::Updated,
            ImportOutcome::Created,
        ];
        assert_eq!(outcomes(&results), expected, "{results:?}");
        let ids: Vec<&str> = results.iter().map(|result| result.lead_id.as_str()).collect();
        assert_eq!(ids[..3], [lead.id.as_str(); 3]);
        assert_eq!(ids[3], ids[4]);

        let (known, new) = (admin.get_lead(ids[0]).await.unwrap(), admin.get_lead(ids[3]).await.unwrap());
        assert_eq!((known.external_id(), known.email(), known.campaign()), ("platform-1", "EVA@example.com", "spring"));
        assert_eq!((new.external_id(), new.email(), new.campaign()), ("", "ana@example.com", "autumn"));
        assert_eq!(admin.list_leads(LeadAction::View).await.unwrap().len(), 3);
    }

    async fn the_leads_of_the_rows_before_count_against_an_assignee(t: TestServer) {
        let small = Profile {
            permissions: every_action(AccessLevel::Individual),
            max_open_leads: Some(3),
            ..profile("small", Role::Agent)
        };
        t.create_profile(small).await;
        let (ana, ben) = (t.user("ana", "small").await, t.agent("ben").await);
        t.lead_of("old", &ana).await;
        let of = |name: &str, user: &Caller| Lead { assignee_id: user.id.clone(), ..named(name) };
        let leads = vec![of("first", &ana), of("Ben's", &ben), of("second", &ana), of("third", &ana), of("too", &ben)];
        let results = import(&t.admin(), leads).await;
        let [_, _, _, third, _] = results.as_slice() else { panic!("five results: {results:?}") };
        let status = item_status(third.error.as_ref().expect("a refusal"));
        let status = refused(Err::<(), _>(status), ErrorReason::IneligibleAssignee);
        assert_eq!(fact(&status, "cause"), "OVER_CAPACITY");
        let created = results.iter().filter(|result| result.outcome() == ImportOutcome::Created);
        assert_eq!(created.count(), 4);
        assert_eq!(ana.list_leads(LeadAction::View).await.unwrap().len(), 3);
    }

    /// Their rows know the leads by different keys and come in opposite orders, so neither may hold one lead while it waits for
    /// another.
    async fn of_two_imports_of_the_same_leads_at_once_one_comes_after_the_other(t: TestServer) {
        let (admin, mia) = (t.admin(), t.manager("mia").await);
        let email = |number: i64| Some(format!("person{number}@example.com"));
        let phone = |number: i64| Some(format!("+3519100000{number:02}"));
        let person = |number| Lead { email: email(number), phone: phone(number), ..Lead::default() };
        import(&admin, (0..6).map(person).collect()).await;
        for round in 0..12 {
            let forth = |number| Lead { email: email(number), ..campaign(&format!("forth {round}")) };
            let back = |number| Lead { phone: phone(number), ..campaign(&format!("back {round}")) };
            let (forth, back) = ((0..6).map(forth).collect(), (0..6).rev().map(back).collect());
            let (one, other) = tokio::join!(import(&admin, forth), import(&mia, back));
            for results in [one, other] {
                assert_eq!(outcomes(&results), [ImportOutcome::Updated; 6], "{results:?}");
            }
            let leads = admin.list_leads_in(LeadAction::View, &[], 1000).await.unwrap();
            assert_eq!(leads.len(), 6);
            assert!(leads.iter().all(|lead| lead.campaign == leads[0].campaign), "one message is one change");
        }
    }

    async fn what_a_row_says_has_happened_lies_in_the_past(t: TestServer) {
        let ahead = Some(seconds_from_now(600));
        let rows = vec![
            ImportRow { register_time: ahead, ..row(1, named("registers")) },
            ImportRow { first_deposit_time: ahead, register_time: Some(seconds_ago(60)), ..row(2, named("deposits")) },
            ImportRow { register_time: Some(seconds_ago(60)), ..row(3, named("registered")) },
        ];
        let results = t.admin().import(rows).await.unwrap();
        for (result, field) in results.iter().zip(["register_time", "first_deposit_time"]) {
            let status = item_status(result.error.as_ref().expect("a refusal"));
            assert_eq!(faults(&refused(Err::<(), _>(status), ErrorReason::InvalidArgument)), [field]);
        }
        assert_eq!(results[2].outcome(), ImportOutcome::Created);
        assert_eq!(t.admin().list_leads(LeadAction::View).await.unwrap().len(), 1);
    }
}
