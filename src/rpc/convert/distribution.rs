//! Assignment rules, and what they do.

use std::collections::HashSet;

use prost_types::FieldMask;

use super::{Faults, Mask, id_text, specified, timestamp};
use crate::{
    domain::{distribution::Placement, etag},
    model::{
        distribution::{
            Decision, Ineligible, Judged, Key, NewRule, Rule, RulePatch, Strategy, Target, Targets, Unplaced,
        },
        ids::{RuleId, UserId},
    },
    proto,
    query::filter::Filter,
    rpc::status,
    store::unplaced::UnplacedLead,
};

/// The most users of a rule.
const MOST_TARGETS: usize = 200;
const HEAVIEST: u32 = 1_000;
const SETTABLE: &[&str] = &["name", "position", "filter", "strategy", "targets", "group_id", "on_creation", "disabled"];

/// A rule as sent.
pub(in crate::rpc) fn rule(rule: Rule) -> proto::AssignmentRule {
    let Rule {
        id,
        position,
        name,
        filter,
        strategy: of,
        targets,
        on_creation,
        disabled,
        create_time,
        update_time,
        version,
    } = rule;
    let (targets, group_id) = match targets {
        Targets::Users(targets) => (targets, None),
        Targets::Group(group) => (Vec::new(), Some(group.to_string())),
    };
    let target = |Target { user_id, weight }| proto::AssignmentRuleTarget {
        user_id: user_id.to_string(),
        weight: i32::try_from(weight).unwrap_or(i32::MAX),
    };
    proto::AssignmentRule {
        id: id.to_string(),
        name: Some(name),
        position: Some(position),
        filter: Some(filter),
        strategy: strategy(of).into(),
        targets: targets.into_iter().map(target).collect(),
        group_id,
        on_creation: Some(on_creation),
        disabled: Some(disabled),
        create_time: Some(timestamp(create_time)),
        update_time: Some(timestamp(update_time)),
        etag: etag::of(version),
    }
}

fn strategy(strategy: Strategy) -> proto::AssignmentStrategy {
    match strategy {
        Strategy::RoundRobin => proto::AssignmentStrategy::RoundRobin,
        Strategy::LeastLoaded => proto::AssignmentStrategy::LeastLoaded,
        Strategy::Weighted => proto::AssignmentStrategy::Weighted,
    }
}

/// What became of a lead as sent.
pub(in crate::rpc) fn placement(placement: Placement) -> proto::DistributionOutcome {
    let Placement { lead_id, rule_id, done } = placement;
    let outcome = proto::DistributionOutcome {
        lead_id: lead_id.to_string(),
        rule_id: id_text(rule_id),
        ..proto::DistributionOutcome::default()
    };
    match done {
        Ok(Ok((user, etag))) => proto::DistributionOutcome { assignee_id: user.to_string(), etag, ..outcome },
        Ok(Err(why)) => proto::DistributionOutcome { cause: cause(why).into(), ..outcome },
        Err(refusal) => proto::DistributionOutcome { error: Some(status::item(refusal)), ..outcome },
    }
}

fn cause(unplaced: Unplaced) -> proto::UnplacedCause {
    match unplaced {
        Unplaced::NoRule => proto::UnplacedCause::NoRule,
        Unplaced::NoTargets => proto::UnplacedCause::NoTargets,
        Unplaced::Nobody(Ineligible::UserDeactivated) => proto::UnplacedCause::UserDeactivated,
        Unplaced::Nobody(Ineligible::CannotView) => proto::UnplacedCause::CannotView,
        Unplaced::Nobody(Ineligible::OverCapacity) => proto::UnplacedCause::OverCapacity,
        Unplaced::Nobody(Ineligible::WrongDesk) => proto::UnplacedCause::WrongDesk,
        // Rules give many leads at once, of which it is never asked whether their orders are partial.
        Unplaced::Nobody(Ineligible::NoPartialOrder) => proto::UnplacedCause::Unspecified,
        Unplaced::Nobody(Ineligible::Away) => proto::UnplacedCause::Away,
    }
}

/// A lead that has found nobody as sent, with what is asked of the lead.
pub(in crate::rpc) fn unplaced(
    unplaced: UnplacedLead,
    lead: impl Fn(proto::Lead) -> proto::Lead,
) -> proto::UnplacedLead {
    let UnplacedLead { lead: of, rule_id, cause: why, time } = unplaced;
    proto::UnplacedLead {
        lead: Some(lead(super::lead(of))),
        cause: cause(why).into(),
        rule_id: id_text(rule_id),
        time: Some(timestamp(time)),
    }
}

/// Why a lead went to whom it went, as sent.
pub(super) fn decision(decision: Decision) -> proto::AssignmentDecision {
    let Decision { rule_id, strategy: of, key, candidates } = decision;
    let key = match key {
        Key::OnlyOne => proto::DecidingKey::OnlyOne,
        Key::OpenLeads => proto::DecidingKey::OpenLeads,
        Key::Credit => proto::DecidingKey::Credit,
        Key::Waiting => proto::DecidingKey::Waiting,
        Key::Place => proto::DecidingKey::Place,
    };
    let candidate = |Judged { user_id, standing }| {
        let able = standing.ok();
        proto::AssignmentCandidate {
            user_id: user_id.to_string(),
            cause: standing.err().map(|cause| cause.word().to_owned()).unwrap_or_default(),
            last_assign_time: able.and_then(|able| able.last_assign_time).map(timestamp),
            open_leads: able.and_then(|able| able.open_leads).map(|open| i64::try_from(open).unwrap_or(i64::MAX)),
            credit: able.and_then(|able| able.credit),
        }
    };
    proto::AssignmentDecision {
        rule_id: rule_id.to_string(),
        strategy: strategy(of).into(),
        decided_by: key.into(),
        candidates: candidates.into_iter().map(candidate).collect(),
    }
}

impl Faults {
    /// A rule to make.
    pub fn new_rule(&mut self, given: proto::AssignmentRule) -> Option<NewRule> {
        // Output-only fields are ignored, and so listed: a new field must be put on one side or the other.
        let proto::AssignmentRule {
            name,
            position,
            filter,
            strategy,
            targets,
            group_id,
            on_creation,
            disabled,
            id: _,
            create_time: _,
            update_time: _,
            etag: _,
        } = given;
        let name = self.name("rule.name", name.as_deref(), 100);
        let filter = self.rule_filter(filter.as_deref().unwrap_or_default());
        let strategy = self.strategy(strategy);
        let targets = self.targets(&targets, group_id.as_deref());
        Some(NewRule {
            position,
            name: name?,
            filter,
            strategy: strategy?,
            targets: targets?,
            on_creation: on_creation.unwrap_or_default(),
            disabled: disabled.unwrap_or_default(),
        })
    }

    /// A change of a rule, by its ID.
    pub fn rule_patch(
        &mut self,
        given: &proto::AssignmentRule,
        mask: Option<FieldMask>,
    ) -> Option<(RuleId, RulePatch)> {
        let id = self.id::<RuleId>("rule.id", &given.id);
        let mask = Mask::of(mask, SETTABLE, self);
        let mut patch = RulePatch::default();
        if mask.names("name", given.name.is_some()) {
            patch.name = self.name("rule.name", given.name.as_deref(), 100);
        }
        if mask.names("position", given.position.is_some()) {
            patch.position = self.some("rule.position", "is required", given.position);
        }
        if mask.names("filter", given.filter.is_some()) {
            patch.filter = Some(self.rule_filter(given.filter()));
        }
        if mask.names("strategy", given.strategy != 0) {
            patch.strategy = self.strategy(given.strategy);
        }
        let targets = mask.names("targets", !given.targets.is_empty());
        if targets || mask.names("group_id", given.group_id.is_some()) {
            patch.targets = self.targets(&given.targets, given.group_id.as_deref());
        }
        if mask.names("on_creation", given.on_creation.is_some()) {
            patch.on_creation = Some(given.on_creation());
        }
        if mask.names("disabled", given.disabled.is_some()) {
            patch.disabled = Some(given.disabled());
        }
        id.map(|id| (id, patch))
    }

    fn rule_filter(&mut self, text: &str) -> String {
        match Filter::parse(text) {
            Err(fault) => self.add("rule.filter", fault.to_string()),
            Ok(filter) if filter.names().next().is_some() => {
                self.add("rule.filter", "takes users and groups by ID, since names change");
            }
            Ok(_) => {}
        }
        text.trim().to_owned()
    }

    fn strategy(&mut self, given: i32) -> Option<Strategy> {
        let strategy = match specified(given) {
            Some(proto::AssignmentStrategy::RoundRobin) => Some(Strategy::RoundRobin),
            Some(proto::AssignmentStrategy::LeastLoaded) => Some(Strategy::LeastLoaded),
            Some(proto::AssignmentStrategy::Weighted) => Some(Strategy::Weighted),
            Some(proto::AssignmentStrategy::Unspecified) | None => None,
        };
        self.some("rule.strategy", if given == 0 { "is required" } else { "is not a strategy" }, strategy)
    }

    fn targets(&mut self, given: &[proto::AssignmentRuleTarget], group: Option<&str>) -> Option<Targets> {
        match (given, group.filter(|group| !group.is_empty())) {
            ([], Some(group)) => return self.id("rule.group_id", group).map(Targets::Group),
            ([], None) => self.add("rule.targets", "takes 1 to 200 users, where there is no `group_id`"),
            (_, Some(_)) => self.add("rule.group_id", "is there beside `targets`"),
            (given, None) if given.len() > MOST_TARGETS => self.add("rule.targets", "takes 1 to 200 users"),
            (given, None) => {
                let mut before = HashSet::new();
                let targets: Vec<Option<Target>> =
                    given.iter().enumerate().map(|(at, given)| self.target(at, given, &mut before)).collect();
                return targets.into_iter().collect::<Option<_>>().map(Targets::Users);
            }
        }
        None
    }

    fn target(
        &mut self,
        at: usize,
        given: &proto::AssignmentRuleTarget,
        before: &mut HashSet<UserId>,
    ) -> Option<Target> {
        let user_id = self.id(format!("rule.targets[{at}].user_id"), &given.user_id);
        let weight = u32::try_from(given.weight).ok().filter(|weight| *weight <= HEAVIEST);
        let weight = self.some(format!("rule.targets[{at}].weight"), "is not 0 to 1,000", weight);
        let user_id = user_id?;
        if !before.insert(user_id) {
            self.add(format!("rule.targets[{at}].user_id"), "is there twice");
        }
        Some(Target { user_id, weight: weight?.max(1) })
    }
}
