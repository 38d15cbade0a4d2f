//! A mirror of what a watcher may view, kept from what they are told, is what they may view: after changes of everything by
//! many writers at once, and however often the watch was broken off and taken up again, at one server or another.
//!
//! `LEADWARD_SEED` repeats the choices of an earlier run.

mod writers;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    time::Duration,
};

use leadward::proto::{AccessLevel, Lead, LeadAction, LeadEvent, LeadEventKind, LeadState, Permission, Profile, Role};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep},
};
use tonic::Code;

use self::writers::Company;
use crate::support::{
    Caller, Database, Dice, RunningServer, TestServer, Watch, every_action, groups_permission, permission, profile,
    reason, seconds,
};

const EVERY_STATE: [LeadState; 3] = [LeadState::Active, LeadState::Discarded, LeadState::Resolved];
const WRITERS: usize = 4;
const WRITES: usize = 60;
/// How long all that there is to tell may take.
const PATIENCE: Duration = Duration::from_secs(30);

mod a_mirror_is_what_its_watcher_may_view {
    use super::{Database, keep_mirrors};

    #[tokio::test(flavor = "multi_thread")]
    async fn sqlite() {
        Box::pin(keep_mirrors(Database::Sqlite, 1)).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn postgres() {
        Box::pin(keep_mirrors(Database::Postgres, 2)).await;
    }
}

async fn keep_mirrors(database: Database, servers: usize) {
    let mut dice = Dice::from_environment();
    let t = TestServer::start(database).await;
    let mut others = Vec::new();
    for _ in 1..servers {
        others.push(RunningServer::start(t.database_url()).await);
    }
    let servers: Vec<SocketAddr> = [t.addr()].into_iter().chain(others.iter().map(RunningServer::addr)).collect();
    let watchers = watchers(&t).await;
    let company = Company::found(&t, &watchers, &servers).await;

    let (stop, stopped) = watch::channel(false);
    let mut mirrors = JoinSet::new();
    for watcher in &watchers {
        let callers = servers.iter().map(|addr| watcher.at_server(*addr)).collect();
        let keeper = Keeper { name: watcher.name.clone(), callers, dice: dice.fork(), stopped: stopped.clone() };
        mirrors.spawn(keeper.keep());
    }
    let mut writers = JoinSet::new();
    for _ in 0..WRITERS {
        writers.spawn(company.clone().write(WRITES, dice.fork()));
    }
    let made: usize = writers.join_all().await.into_iter().sum();
    // By then all that ends by itself has ended.
    sleep(Duration::from_secs(3)).await;
    stop.send_replace(true);

    let (mut told, mut resumed) = (0, 0);
    for mirror in mirrors.join_all().await {
        told += mirror.told;
        resumed += mirror.resumed;
        // The administrators and managers of this world see everything.
        if mirror.name != "max" {
            let leaks: Vec<_> = mirror.mentioned.intersection(&company.hidden).collect();
            assert!(leaks.is_empty(), "{} was told of {leaks:?}", mirror.name);
        }
    }
    println!("{made} changes made, {told} told, {resumed} times resumed");
    assert!(made * 2 > WRITERS * WRITES && told > 100 && resumed > watchers.len(), "too little happened");
}

/// One for each way in which leads are reached.
async fn watchers(t: &TestServer) -> Vec<Caller> {
    let (admin, view) = (t.admin(), LeadAction::View);
    let graced = Profile {
        permissions: every_action(AccessLevel::Individual),
        resolved_grace: Some(seconds(1)),
        ..profile("graced", Role::Agent)
    };
    t.create_profile(graced).await;
    let (ana, gil, pia) = (t.agent("ana").await, t.agent("gil").await, t.agent("pia").await);
    let (rex, max) = (t.user("rex", "graced").await, t.manager("max").await);
    let members = Permission { include_member_groups: true, ..groups_permission(view, &[]) };
    admin.set_permission(&gil, members).await.unwrap();
    let pool = Permission { include_unassigned: true, ..permission(view, AccessLevel::Individual) };
    admin.set_permission(&pia, pool).await.unwrap();
    vec![ana, gil, pia, rex, max]
}

/// Somebody who keeps a mirror.
struct Keeper {
    name: String,
    /// At each server.
    callers: Vec<Caller>,
    dice: Dice,
    stopped: watch::Receiver<bool>,
}

/// What somebody may view, by what they were told.
#[derive(Default)]
struct Mirror {
    name: String,
    leads: BTreeMap<String, Lead>,
    /// Every lead that was ever told of.
    mentioned: BTreeSet<String>,
    told: usize,
    resumed: usize,
}

impl Mirror {
    fn take_in(&mut self, events: Vec<LeadEvent>) {
        for event in events {
            let gone = matches!(event.kind(), LeadEventKind::Deleted | LeadEventKind::AccessLost);
            assert_eq!(event.lead.is_none(), gone, "{}: {event:?}", self.name);
            self.told += 1;
            self.mentioned.insert(event.lead_id.clone());
            match event.lead {
                Some(lead) => {
                    assert_eq!(lead.id, event.lead_id);
                    self.leads.insert(event.lead_id, lead);
                }
                None => {
                    self.leads.remove(&event.lead_id);
                }
            }
        }
    }
}

impl Keeper {
    /// Watches first and lists then; keeps the mirror, with interruptions, until all writers have stopped; and expects it to
    /// come to what a list says.
    async fn keep(mut self) -> Mirror {
        let mut watch = self.resume("").await;
        let leads = self.list().await;
        let mut mirror = Mirror { name: self.name.clone(), leads, ..Mirror::default() };
        mirror.mentioned.extend(mirror.leads.keys().cloned());
        while !*self.stopped.borrow() {
            let breaks = match watch.next_within(Duration::from_millis(200)).await {
                Ok(events) => {
                    mirror.take_in(events.unwrap_or_default());
                    self.dice.below(4) == 0
                }
                Err(status) => {
                    expect_away(&status);
                    true
                }
            };
            if breaks {
                let token = watch.token.clone();
                drop(watch);
                sleep(self.dice.milliseconds(300)).await;
                watch = self.resume(&token).await;
                mirror.resumed += 1;
            }
        }
        self.catch_up(watch, &mut mirror).await;
        mirror
    }

    async fn catch_up(&mut self, mut watch: Watch, mirror: &mut Mirror) {
        let until = Instant::now() + PATIENCE;
        loop {
            match watch.next_within(Duration::from_millis(500)).await {
                Ok(Some(events)) => mirror.take_in(events),
                Ok(None) => {
                    let listed = self.list().await;
                    if listed == mirror.leads {
                        return;
                    }
                    assert!(Instant::now() < until, "{}", difference(mirror, &listed));
                }
                Err(status) => {
                    expect_away(&status);
                    watch = self.resume(&watch.token.clone()).await;
                }
            }
        }
    }

    fn anywhere(&mut self) -> &Caller {
        let at = self.dice.below(self.callers.len());
        &self.callers[at]
    }

    async fn resume(&mut self, token: &str) -> Watch {
        loop {
            match Watch::resume(self.anywhere(), token).await {
                Ok(watch) => return watch,
                Err(status) => expect_away(&status),
            }
        }
    }

    async fn list(&mut self) -> BTreeMap<String, Lead> {
        loop {
            match self.anywhere().list_leads_in(LeadAction::View, &EVERY_STATE, 1000).await {
                Ok(leads) => return leads.into_iter().map(|lead| (lead.id.clone(), lead)).collect(),
                Err(status) => expect_away(&status),
            }
        }
    }
}

/// Whose rights change again and again may be told to try once more.
fn expect_away(status: &tonic::Status) {
    assert_eq!(status.code(), Code::Unavailable, "{}: {status:?}", reason(status));
}

fn difference(mirror: &Mirror, listed: &BTreeMap<String, Lead>) -> String {
    let mut lines = vec![format!("{}'s mirror differs from the list:", mirror.name)];
    for id in mirror.leads.keys().chain(listed.keys()).collect::<BTreeSet<_>>() {
        match (mirror.leads.get(id), listed.get(id)) {
            (Some(kept), None) => lines.push(format!("kept {kept:?}")),
            (None, Some(lead)) => lines.push(format!("missing {lead:?}")),
            (Some(kept), Some(lead)) if kept != lead => lines.push(format!("kept {kept:?}\n  of {lead:?}")),
            _ => {}
        }
    }
    lines.join("\n")
}
