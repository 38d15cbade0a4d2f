//! What a lead's life is, in as few words as it takes.

use std::collections::BTreeMap;

use leadward::proto::{LeadAction, LeadHistoryKind, LeadKind, LeadState, OrderStatus};

use super::steps::{ADMIN, AGENT, Act, Etag, PLACES, Step};
use crate::support::BatchKind;

const HIDDEN: &str = "LEAD_NOT_FOUND";
const NO_ORDER: &str = "RESOURCE_NOT_FOUND";

/// The leads that there are, and how many there were.
#[derive(Clone, Default, Debug)]
pub struct Model {
    people: [Option<Person>; PLACES],
    pub deleted: usize,
}

/// A lead.
#[derive(Clone, Debug)]
pub struct Person {
    pub state: LeadState,
    pub campaign: Option<usize>,
    pub stage: Option<usize>,
    pub assignee: Option<usize>,
    pub disposition: Option<&'static str>,
    pub orders: BTreeMap<usize, OrderStatus>,
    /// Which of them was placed last.
    last_order: Option<usize>,
    /// What happened, and by whom.
    pub history: Vec<(LeadHistoryKind, usize)>,
    registered: bool,
    /// Amounts by payment.
    deposits: BTreeMap<usize, usize>,
}

/// What a call that is done does.
#[derive(Clone, Default, Debug)]
pub struct Done {
    /// The leads whose etags move.
    pub moved: Vec<usize>,
    /// Whether it made the lead, recorded the deposit, or sold.
    pub flag: bool,
    /// What a batch says of each of its leads.
    pub outcomes: Vec<Result<(), &'static str>>,
}

type Answer = Result<Done, &'static str>;

impl Done {
    fn moved(place: usize) -> Self {
        Self { moved: vec![place], ..Self::default() }
    }
}

impl Person {
    fn new(caller: usize, registered: bool) -> Self {
        Self {
            state: LeadState::Active,
            campaign: None,
            stage: None,
            assignee: (caller == AGENT).then_some(AGENT),
            disposition: None,
            orders: BTreeMap::new(),
            last_order: None,
            history: vec![(LeadHistoryKind::Created, caller)],
            registered,
            deposits: BTreeMap::new(),
        }
    }

    pub fn kind(&self) -> LeadKind {
        match (self.deposits.is_empty(), self.registered) {
            (false, _) => LeadKind::Client,
            (true, true) => LeadKind::Registration,
            (true, false) => LeadKind::Lead,
        }
    }

    fn go(&mut self, from: LeadState, to: LeadState) -> Result<(), &'static str> {
        if self.state != from {
            return Err("LEAD_STATE");
        }
        self.state = to;
        Ok(())
    }

    /// Whether the agent, who is there for partial orders, may be given the lead by itself.
    fn waits_for_an_order(&self) -> bool {
        let last = self.last_order.and_then(|number| self.orders.get(&number));
        last == Some(&OrderStatus::Partial)
    }

    /// Whether a completed order ends the work on the lead.
    fn sells(&mut self, caller: usize, status: OrderStatus) -> bool {
        let works_partial_orders = self.assignee == Some(AGENT);
        let sells = status == OrderStatus::Completed && self.state == LeadState::Active && works_partial_orders;
        if sells {
            self.state = LeadState::Resolved;
            self.disposition = Some("Sale");
            self.history.push((LeadHistoryKind::Resolved, caller));
        }
        sells
    }
}

impl Model {
    pub fn person(&self, place: usize) -> Option<&Person> {
        self.people[place].as_ref()
    }

    /// Whether a caller may view the lead at a place.
    pub fn views(&self, caller: usize, place: usize) -> bool {
        self.person(place).is_some_and(|person| caller == ADMIN || person.assignee == Some(caller))
    }

    /// Does a call, or says why it is refused.
    pub fn apply(&mut self, step: &Step) -> Answer {
        let Step { caller, place, .. } = *step;
        match &step.act {
            Act::Create | Act::Register if self.people[place].is_none() => {
                let registered = matches!(step.act, Act::Register);
                self.people[place] = Some(Person::new(caller, registered));
                Ok(Done { flag: true, ..Done::moved(place) })
            }
            Act::Create => Err("DUPLICATE_LEAD"),
            Act::Register => self.register(caller, place),
            Act::CreateOrder { number, status } => self.create_order(caller, place, *number, *status),
            Act::MoveOrder { number, status } => self.move_order(step, *number, *status),
            Act::Batch { kind, places, all_or_nothing, validate_only } => {
                Ok(self.batch(caller, *kind, places, *all_or_nothing, *validate_only))
            }
            _ => self.change(step),
        }
    }

    /// The lead at a place, for an action.
    fn reached(&mut self, caller: usize, place: usize, action: LeadAction) -> Result<&mut Person, &'static str> {
        if !self.views(caller, place) {
            return Err(HIDDEN);
        }
        let held = [LeadAction::View, LeadAction::Edit, LeadAction::Resolve];
        if caller == AGENT && !held.contains(&action) {
            return Err("ACTION_NOT_PERMITTED");
        }
        self.people[place].as_mut().ok_or(HIDDEN)
    }

    /// The calls that change one lead that is there.
    fn change(&mut self, step: &Step) -> Answer {
        let Step { caller, place, etag, .. } = *step;
        let (action, happened) = kinds(&step.act);
        let person = self.reached(caller, place, action)?;
        let asks_no_etag = match &step.act {
            Act::Append { .. } => true,
            Act::Deposit { payment, .. } => person.deposits.contains_key(payment),
            _ => false,
        };
        if etag == Etag::Stale && !asks_no_etag {
            return Err("STALE_ETAG");
        }
        let mut done = Done::moved(place);
        match &step.act {
            Act::Update { campaign, stage } => {
                let before = (person.campaign, person.stage);
                person.campaign = campaign.or(person.campaign);
                person.stage = stage.or(person.stage);
                if before == (person.campaign, person.stage) {
                    return Ok(Done::default());
                }
            }
            Act::Discard => person.go(LeadState::Active, LeadState::Discarded)?,
            Act::Retrieve => person.go(LeadState::Discarded, LeadState::Active)?,
            Act::Resolve => {
                person.go(LeadState::Active, LeadState::Resolved)?;
                person.disposition = Some("Declined");
            }
            Act::Reopen => {
                person.go(LeadState::Resolved, LeadState::Active)?;
                person.disposition = None;
            }
            Act::Assign { .. } | Act::Unassign if person.state == LeadState::Discarded => return Err("LEAD_STATE"),
            Act::Assign { to } if person.assignee == Some(*to) => return Ok(Done::default()),
            Act::Assign { to: AGENT } if !person.waits_for_an_order() => return Err("INELIGIBLE_ASSIGNEE"),
            Act::Assign { to } => {
                person.assignee = Some(*to);
                person.state = LeadState::Active;
                person.disposition = None;
            }
            Act::Unassign if person.assignee.is_none() => return Ok(Done::default()),
            Act::Unassign => person.assignee = None,
            Act::Deposit { payment, amount } => match person.deposits.get(payment) {
                Some(known) if known == amount => return Ok(Done::default()),
                Some(_) => return Err("PAYMENT_ID_REUSED"),
                None => {
                    person.deposits.insert(*payment, *amount);
                    done.flag = true;
                }
            },
            Act::Append { .. } => done.moved.clear(),
            Act::Delete => {
                self.people[place] = None;
                self.deleted += 1;
                return Ok(Done::default());
            }
            other => panic!("{other:?} is no change of one lead"),
        }
        person.history.push((happened, caller));
        Ok(done)
    }

    fn register(&mut self, caller: usize, place: usize) -> Answer {
        // Whoever may not view it learns that there is one.
        let person = self.reached(caller, place, LeadAction::Edit).map_err(|_| "DUPLICATE_LEAD")?;
        if person.registered {
            return Ok(Done::default());
        }
        person.registered = true;
        person.history.push((LeadHistoryKind::Registered, caller));
        Ok(Done::moved(place))
    }

    fn create_order(&mut self, caller: usize, place: usize, number: usize, status: OrderStatus) -> Answer {
        let person = self.reached(caller, place, LeadAction::Edit)?;
        if person.orders.contains_key(&number) {
            return Err("DUPLICATE_RESOURCE");
        }
        person.orders.insert(number, status);
        person.last_order = Some(number);
        person.history.push((LeadHistoryKind::OrderCreated, caller));
        Ok(if person.sells(caller, status) { Done { flag: true, ..Done::moved(place) } } else { Done::default() })
    }

    fn move_order(&mut self, step: &Step, number: usize, status: OrderStatus) -> Answer {
        let Step { caller, place, etag, .. } = *step;
        let person = self.reached(caller, place, LeadAction::Edit).map_err(|_| NO_ORDER)?;
        let before = *person.orders.get(&number).ok_or(NO_ORDER)?;
        if caller == AGENT && before != OrderStatus::Partial {
            return Err(NO_ORDER);
        }
        if etag == Etag::Stale {
            return Err("STALE_ETAG");
        }
        match (before, status) {
            (before, after) if before == after => return Ok(Done::default()),
            (OrderStatus::Partial, OrderStatus::Completed | OrderStatus::Cancelled)
            | (OrderStatus::Completed, OrderStatus::Refunded | OrderStatus::Cancelled) => {}
            _ => return Err("ORDER_STATUS"),
        }
        person.orders.insert(number, status);
        person.history.push((LeadHistoryKind::OrderUpdated, caller));
        Ok(if person.sells(caller, status) { Done { flag: true, ..Done::moved(place) } } else { Done::default() })
    }

    /// One call after the other, of which a dry run leaves nothing.
    fn batch(
        &mut self,
        caller: usize,
        kind: BatchKind,
        places: &[usize],
        all_or_nothing: bool,
        validate_only: bool,
    ) -> Done {
        let act = match kind {
            BatchKind::Discard => Act::Discard,
            BatchKind::Retrieve => Act::Retrieve,
            BatchKind::Delete => Act::Delete,
        };
        let mut after = self.clone();
        let one = |place: &usize| after.change(&Step::of(caller, *place, act.clone())).map(|done| done.moved);
        let answers: Vec<_> = places.iter().map(one).collect();
        let whole = !(all_or_nothing && answers.iter().any(Result::is_err));
        let outcome = |answer: &Result<Vec<usize>, &'static str>| match answer {
            Ok(_) if whole => Ok(()),
            Ok(_) => Err("BATCH_REFUSED"),
            Err(refusal) => Err(*refusal),
        };
        let outcomes = answers.iter().map(outcome).collect();
        let mut done = Done { outcomes, ..Done::default() };
        if whole && !validate_only {
            done.moved = answers.into_iter().flatten().flatten().collect();
            *self = after;
        }
        done
    }
}

/// The action that a change needs, and what the history calls it.
fn kinds(act: &Act) -> (LeadAction, LeadHistoryKind) {
    match act {
        Act::Update { .. } => (LeadAction::Edit, LeadHistoryKind::Updated),
        Act::Discard => (LeadAction::Discard, LeadHistoryKind::Discarded),
        Act::Retrieve => (LeadAction::Retrieve, LeadHistoryKind::Retrieved),
        Act::Resolve => (LeadAction::Resolve, LeadHistoryKind::Resolved),
        Act::Reopen => (LeadAction::Resolve, LeadHistoryKind::Reopened),
        Act::Assign { .. } => (LeadAction::Assign, LeadHistoryKind::Assigned),
        Act::Unassign => (LeadAction::Assign, LeadHistoryKind::Unassigned),
        Act::Deposit { .. } => (LeadAction::Edit, LeadHistoryKind::Deposited),
        Act::Append { kind, .. } => (LeadAction::Edit, *kind),
        Act::Delete => (LeadAction::Delete, LeadHistoryKind::Unspecified),
        other => panic!("{other:?} is no change of one lead"),
    }
}
