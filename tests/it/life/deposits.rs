//! What people deposit: exact, once for each payment, and a client from the first on.

use futures::future::join_all;
use leadward::proto::{
    ErrorReason, GrantMode, LeadHistoryKind, LeadKind, LeadState, Money, RecordDepositRequest, RecordDepositResponse,
};
use prost_types::Timestamp;
use tonic::Status;

use super::{assert_untouched, kinds_of};
use crate::support::{
    Caller, TestServer, euros, fact, faults, on_both_databases, refused, seconds_ago, seconds_from_now,
};

fn payment(lead_id: &str, payment_id: &str, amount: Money, at: Timestamp) -> RecordDepositRequest {
    RecordDepositRequest {
        lead_id: lead_id.to_owned(),
        payment_id: payment_id.to_owned(),
        amount: Some(amount),
        deposit_time: Some(at),
        ..RecordDepositRequest::default()
    }
}

async fn record(caller: &Caller, request: RecordDepositRequest) -> Result<RecordDepositResponse, Status> {
    Ok(caller.leads().record_deposit(request).await?.into_inner())
}

on_both_databases! {
    async fn the_first_deposit_makes_a_client_in_any_state(t: TestServer) {
        let admin = t.admin();
        for state in [LeadState::Active, LeadState::Discarded, LeadState::Resolved] {
            let lead = t.lead(state.as_str_name()).await;
            let before = match state {
                LeadState::Discarded => admin.discard(&lead.id).await.unwrap(),
                LeadState::Resolved => admin.resolve(&lead.id).await.unwrap(),
                _ => lead,
            };
            let at = seconds_ago(60);
            let answer = record(&admin, payment(&before.id, "payment-1", euros(250, 500_000_000), at)).await.unwrap();
            let (after, deposit) = (answer.lead.unwrap(), answer.deposit.unwrap());
            assert!(answer.recorded);
            assert_eq!((after.kind(), after.state()), (LeadKind::Client, state));
            assert_eq!((after.first_deposit_time, after.discard_time), (Some(at), before.discard_time));
            assert_ne!(after.etag, before.etag);
            assert_eq!(admin.get_lead(&after.id).await.unwrap(), after);
            assert_eq!((&deposit.lead_id, deposit.payment_id.as_str()), (&after.id, "payment-1"));
            assert_eq!((deposit.amount, deposit.deposit_time), (Some(euros(250, 500_000_000)), Some(at)));
            assert!(deposit.create_time.is_some());
        }
    }

    async fn a_deposit_is_told_in_the_history_with_its_amount(t: TestServer) {
        let admin = t.admin();
        let lead = t.lead("Ana").await;
        admin.deposit(&lead.id, "payment-1", euros(250, 500_000_000)).await.unwrap();
        admin.deposit(&lead.id, "payment-2", euros(7, 0)).await.unwrap();
        let expected = [LeadHistoryKind::Created, LeadHistoryKind::Deposited, LeadHistoryKind::Deposited];
        assert_eq!(kinds_of(&admin, &lead.id).await, expected);

        let history = admin.history(&lead.id).await.unwrap();
        let changed = |at: usize, field: &str| history[at].changes.iter().find(|change| change.field == field);
        let (first, second) = (changed(1, "deposit.payment-1").unwrap(), changed(0, "deposit.payment-2").unwrap());
        assert_eq!((first.before.as_deref(), second.before.as_deref()), (None, None));
        assert!(first.after.as_deref().unwrap().contains("250.5") && second.after.as_deref().unwrap().contains('7'));
        assert!(changed(1, "first_deposit_time").unwrap().after.is_some());
        assert!(changed(0, "first_deposit_time").is_none(), "the second is not the first");
    }

    async fn the_first_deposit_stays_the_first(t: TestServer) {
        let admin = t.admin();
        let lead = t.lead("Ana").await;
        let (first, earlier) = (seconds_ago(60), seconds_ago(3600));
        record(&admin, payment(&lead.id, "payment-1", euros(1, 0), first)).await.unwrap();
        let after = record(&admin, payment(&lead.id, "payment-2", euros(1, 0), earlier)).await.unwrap();
        assert!(after.recorded);
        assert_eq!(after.lead.unwrap().first_deposit_time, Some(first));
    }

    async fn a_payment_that_is_told_again_is_recorded_once(t: TestServer) {
        let admin = t.admin();
        let lead = t.lead("Ana").await;
        let request = payment(&lead.id, "payment-1", euros(10, 1), seconds_ago(60));
        let first = record(&admin, request.clone()).await.unwrap();
        let again = record(&admin, request).await.unwrap();
        assert_eq!(again, RecordDepositResponse { recorded: false, ..first.clone() });

        // Whoever gives no time means the same payment, too.
        let now = admin.deposit(&lead.id, "payment-2", euros(10, 1)).await.unwrap();
        let again = admin.deposit(&lead.id, "payment-2", euros(10, 1)).await.unwrap();
        assert_eq!(again, RecordDepositResponse { recorded: false, ..now });
        assert_eq!(admin.history(&lead.id).await.unwrap().len(), 3);
    }

    async fn a_payment_of_another_amount_or_time_is_refused(t: TestServer) {
        let admin = t.admin();
        let lead = t.lead("Ana").await;
        let at = seconds_ago(60);
        let before = record(&admin, payment(&lead.id, "payment-1", euros(10, 1), at)).await.unwrap().lead.unwrap();
        let dollars = Money { currency_code: "USD".to_owned(), ..euros(10, 1) };
        for (amount, time) in
            [(euros(11, 1), at), (euros(10, 2), at), (euros(10, 0), at), (dollars, at), (euros(10, 1), seconds_ago(90))]
        {
            let reused = record(&admin, payment(&lead.id, "payment-1", amount, time)).await;
            refused(reused, ErrorReason::PaymentIdReused);
        }
        assert_untouched(&t, &before, 2).await;

        let other = t.lead("Ben").await;
        assert!(admin.deposit(&other.id, "payment-1", euros(99, 0)).await.unwrap().recorded, "another lead's payment");
    }

    /// Beyond what a float can tell apart.
    async fn amounts_are_exact_to_the_billionth(t: TestServer) {
        let admin = t.admin();
        let lead = t.lead("Ana").await;
        let amounts = [
            euros(0, 1),
            euros(0, 999_999_999),
            euros(9_007_199_254_740_993, 1),
            euros(9_007_199_254_740_992, 999_999_999),
            euros(i64::MAX, 999_999_999),
            Money { currency_code: "JPY".to_owned(), ..euros(1_000_000, 0) },
        ];
        for (number, amount) in amounts.into_iter().enumerate() {
            let payment_id = format!("payment-{number}");
            let recorded = admin.deposit(&lead.id, &payment_id, amount.clone()).await.unwrap();
            let stored = admin.deposit(&lead.id, &payment_id, amount.clone()).await.unwrap();
            assert_eq!((recorded.recorded, stored.recorded), (true, false), "{amount:?}");
            assert_eq!(stored.deposit.as_ref().unwrap().amount, Some(amount));
            assert_eq!(recorded.deposit, stored.deposit);
        }
    }

    async fn what_is_wrong_with_a_deposit_is_said_at_once(t: TestServer) {
        let admin = t.admin();
        let lead = t.lead("Ana").await;
        let at = seconds_ago(60);
        let money = |currency: &str, units, nanos| Money { currency_code: currency.to_owned(), units, nanos };
        let good = payment(&lead.id, "payment-1", euros(1, 0), at);
        let of = |amount: Money| RecordDepositRequest { amount: Some(amount), ..good.clone() };
        let nothing = RecordDepositRequest { amount: None, ..good.clone() };
        let everything = RecordDepositRequest {
            lead_id: "x".to_owned(),
            payment_id: "x".repeat(129),
            amount: Some(money("eur", 1, 1_000_000_000)),
            ..good.clone()
        };
        let early = RecordDepositRequest { deposit_time: Some(seconds_from_now(600)), ..good.clone() };
        let cases: [(RecordDepositRequest, &[&str]); 10] = [
            (nothing, &["amount"]),
            (of(euros(0, 0)), &["amount"]),
            (of(euros(-1, 0)), &["amount"]),
            (of(euros(0, -1)), &["amount"]),
            (of(money("XXX", 1, 0)), &["amount.currency_code"]),
            (of(money("", 1, 0)), &["amount.currency_code"]),
            (of(euros(1, -1)), &["amount.nanos"]),
            (RecordDepositRequest { payment_id: String::new(), ..good.clone() }, &["payment_id"]),
            (early, &["deposit_time"]),
            (everything, &["amount.currency_code", "amount.nanos", "lead_id", "payment_id"]),
        ];
        for (request, expected) in cases {
            let status = refused(record(&admin, request.clone()).await, ErrorReason::InvalidArgument);
            assert_eq!(faults(&status), expected, "{request:?}");
        }
        assert_untouched(&t, &lead, 1).await;
        assert!(record(&admin, RecordDepositRequest { payment_id: "x".repeat(128), ..good }).await.unwrap().recorded);
    }

    async fn a_deposit_needs_edit_and_the_etag_that_it_was_given(t: TestServer) {
        let (admin, ana, ben) = (t.admin(), t.agent("ana").await, t.agent("ben").await);
        let lead = t.lead_of("lead", &ana).await;
        refused(ben.deposit(&lead.id, "payment-1", euros(1, 0)).await, ErrorReason::LeadNotFound);
        admin.grant(&lead.id, &ben, GrantMode::ViewOnly).await.unwrap();
        let status = refused(ben.deposit(&lead.id, "payment-1", euros(1, 0)).await, ErrorReason::ActionNotPermitted);
        assert_eq!(fact(&status, "action"), "EDIT");

        let stale = RecordDepositRequest {
            etag: "stale".to_owned(),
            ..payment(&lead.id, "payment-1", euros(1, 0), seconds_ago(60))
        };
        let status = refused(record(&ana, stale.clone()).await, ErrorReason::StaleEtag);
        assert_eq!(fact(&status, "current_etag"), lead.etag);
        let fresh = RecordDepositRequest { etag: lead.etag, ..stale };
        assert!(record(&ana, fresh).await.unwrap().recorded);
    }

    /// Whoever didn't receive the answer asks the same again, and it was the first that moved the etag.
    async fn a_payment_that_is_told_again_needs_no_etag(t: TestServer) {
        let admin = t.admin();
        let lead = t.lead("Ana").await;
        let at = seconds_ago(60);
        let request = RecordDepositRequest { etag: lead.etag, ..payment(&lead.id, "payment-1", euros(10, 0), at) };
        let first = record(&admin, request.clone()).await.unwrap();
        let again = record(&admin, request.clone()).await.unwrap();
        assert_eq!(again, RecordDepositResponse { recorded: false, ..first.clone() });

        let reused = RecordDepositRequest { amount: Some(euros(11, 0)), ..request.clone() };
        refused(record(&admin, reused).await, ErrorReason::PaymentIdReused);
        let next = RecordDepositRequest { payment_id: "payment-2".to_owned(), ..request };
        refused(record(&admin, next).await, ErrorReason::StaleEtag);
        assert_untouched(&t, &first.lead.unwrap(), 2).await;
    }

    async fn of_the_same_deposit_at_once_one_is_recorded(t: TestServer) {
        let admin = t.admin();
        let lead = t.lead("Ana").await;
        let request = payment(&lead.id, "payment-1", euros(10, 0), seconds_ago(60));
        let answers = join_all((0..8).map(|_| record(&admin, request.clone()))).await;
        let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
        assert_eq!(answers.iter().filter(|answer| answer.recorded).count(), 1);
        assert!(answers.iter().all(|answer| answer.deposit == answers[0].deposit && answer.lead == answers[0].lead));
        assert_eq!(kinds_of(&admin, &lead.id).await, [LeadHistoryKind::Created, LeadHistoryKind::Deposited]);
    }
}
