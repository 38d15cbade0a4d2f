//! A reader who leaves what there is for them.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use leadward::proto::{ErrorReason, Lead, LeadEventKind};
use tokio::time::sleep;
use tonic_types::StatusExt;

use super::{expect, expect_nothing_but_a_new_lead, facts};
use crate::support::{Dice, TestServer, Watch, named, on_both_databases, refused};

/// Longer than the service waits.
const LEFT_ALONE: Duration = Duration::from_secs(13);
/// Together they fill every buffer on the way.
const LARGE_LEADS: usize = 20;
const CHANGES: usize = 120;

/// As large as custom attributes get: 16 KiB.
fn large(number: usize) -> BTreeMap<String, String> {
    let value = format!("{number:08}{}", "x".repeat(992));
    (0..16).map(|at| (format!("attribute{at:02}"), value.clone())).collect()
}

on_both_databases! {
    async fn a_reader_who_is_too_slow_is_sent_away_and_goes_on_without_a_gap(t: TestServer) {
        let (mut dice, admin) = (Dice::from_environment(), t.admin());
        let mut leads = Vec::new();
        for number in 0..LARGE_LEADS {
            leads.push(t.lead(&format!("lead {number}")).await);
        }
        let slow = admin.with_small_windows(t.addr());
        let mut watch = Watch::open(&slow).await;

        let started = Instant::now();
        let mut expected = Vec::new();
        for number in 0..CHANGES {
            let id = dice.one_of(&leads).id.clone();
            let change = Lead { id: id.clone(), attributes: large(number), ..Lead::default() };
            admin.update_lead(change, &["attributes"]).await.unwrap();
            expected.push((LeadEventKind::Changed, id));
        }
        sleep(LEFT_ALONE.saturating_sub(started.elapsed())).await;

        let mut told = Vec::new();
        let ended = loop {
            match watch.next().await {
                Ok(events) => told.extend(facts(&events)),
                Err(status) => break status,
            }
        };
        assert!(told.len() < CHANGES, "not everything fitted on the way");
        let status = refused(Err::<(), _>(ended), ErrorReason::SlowReader);
        assert!(status.get_details_retry_info().is_some());
        let mut watch = Watch::resume(&admin, &watch.token).await.unwrap();
        while told.len() < CHANGES {
            told.extend(facts(&watch.next().await.unwrap()));
        }
        assert!(told == expected, "each change once, in its order");
        expect_nothing_but_a_new_lead(&t, &mut watch, &admin).await;
    }

    /// Waiting for something to happen is not being slow.
    async fn a_reader_of_whom_there_is_nothing_to_read_may_take_their_time(t: TestServer) {
        let admin = t.admin();
        let mut watch = Watch::open(&admin).await;
        sleep(LEFT_ALONE).await;
        let lead = t.lead("lead").await;
        expect(&mut watch, LeadEventKind::Created, &lead).await;
        let renamed = admin.update_lead(Lead { id: lead.id.clone(), ..named("renamed") }, &[]).await.unwrap();
        expect(&mut watch, LeadEventKind::Changed, &renamed).await;
    }
}
