//! Rules by which leads find their agents, and why a lead went to whom it went.

use super::{
    Time,
    ids::{GroupId, RuleId, UserId},
    words,
};

/// Who of a rule's targets is next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Strategy {
    /// Whoever has waited longest since they were last given a lead, by whomever.
    RoundRobin,
    /// Whoever has the fewest open leads.
    LeastLoaded,
    /// Each in proportion to their weight.
    Weighted,
}

words!(Strategy { RoundRobin = "ROUND_ROBIN", LeastLoaded = "LEAST_LOADED", Weighted = "WEIGHTED" });

/// A user to whom a rule gives leads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Target {
    /// Who.
    pub user_id: UserId,
    /// How many leads they get beside the others, with [`Strategy::Weighted`]; 1 to 1,000.
    pub weight: u32,
}

/// To whom a rule gives leads.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Targets {
    /// These users.
    Users(Vec<Target>),
    /// Whoever is a member of a group at that time.
    Group(GroupId),
}

/// A rule as stored.
#[derive(Clone, PartialEq, Debug)]
pub struct Rule {
    /// Its identity.
    pub id: RuleId,
    /// Rules are tried by their positions, then as they were made.
    pub position: i32,
    /// Unique whatever the case.
    pub name: String,
    /// For which leads it is, with users and groups by ID; empty: for all.
    pub filter: String,
    /// Who is next.
    pub strategy: Strategy,
    /// To whom.
    pub targets: Targets,
    /// Whether it is tried for each lead that is made without an assignee.
    pub on_creation: bool,
    /// It is not tried at all.
    pub disabled: bool,
    /// When it was made.
    pub create_time: Time,
    /// When it was last changed.
    pub update_time: Time,
    /// Moves with every change.
    pub version: i64,
}

/// A rule to make.
#[derive(Clone, Debug)]
pub struct NewRule {
    /// None: after all others.
    pub position: Option<i32>,
    /// Unique whatever the case.
    pub name: String,
    /// For which leads it is; empty: for all.
    pub filter: String,
    /// Who is next.
    pub strategy: Strategy,
    /// To whom.
    pub targets: Targets,
    /// Whether it is tried for each lead that is made without an assignee.
    pub on_creation: bool,
    /// It is not tried at all.
    pub disabled: bool,
}

/// What to change of a rule; none: leave it.
#[derive(Clone, Debug, Default)]
pub struct RulePatch {
    /// When it is tried.
    pub position: Option<i32>,
    /// Its name.
    pub name: Option<String>,
    /// For which leads it is.
    pub filter: Option<String>,
    /// Who is next.
    pub strategy: Option<Strategy>,
    /// To whom.
    pub targets: Option<Targets>,
    /// Whether it is tried for new leads.
    pub on_creation: Option<bool>,
    /// Whether it is not tried at all.
    pub disabled: Option<bool>,
}

/// Why a user can't take a lead.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Ineligible {
    /// May not call at all.
    UserDeactivated,
    /// VIEW is NONE.
    CannotView,
    /// Has as many open leads as their profile allows.
    OverCapacity,
    /// Takes the other kind of leads.
    WrongDesk,
    /// Takes leads whose most recent order is partial, where they are given by themselves, and this one's isn't.
    NoPartialOrder,
    /// Is away, and is given no leads by rules.
    Away,
}

words!(Ineligible {
    UserDeactivated = "USER_DEACTIVATED",
    CannotView = "CANNOT_VIEW",
    OverCapacity = "OVER_CAPACITY",
    WrongDesk = "WRONG_DESK",
    NoPartialOrder = "NO_PARTIAL_ORDER",
    Away = "AWAY",
});

/// Why a lead has found nobody.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unplaced {
    /// It passes no rule's filter.
    NoRule,
    /// The rule's group has no members.
    NoTargets,
    /// None of the rule's targets can take it; what is in the way of most of them.
    Nobody(Ineligible),
}

impl Unplaced {
    const NO_RULE: &str = "NO_RULE";
    const NO_TARGETS: &str = "NO_TARGETS";

    /// The word by which it is stored and spoken of.
    pub const fn word(self) -> &'static str {
        match self {
            Self::NoRule => Self::NO_RULE,
            Self::NoTargets => Self::NO_TARGETS,
            Self::Nobody(cause) => cause.word(),
        }
    }

    /// The cause that a word stands for.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            Self::NO_RULE => Some(Self::NoRule),
            Self::NO_TARGETS => Some(Self::NoTargets),
            word => Ineligible::from_word(word).map(Self::Nobody),
        }
    }
}

/// What it was that decided between the first of the candidates and the next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Key {
    /// There was no other.
    OnlyOne,
    /// Fewer open leads.
    OpenLeads,
    /// More credit, which weights give.
    Credit,
    /// A longer wait.
    Waiting,
    /// Alike in all else, an earlier place in the rule.
    Place,
}

words!(Key {
    OnlyOne = "ONLY_ONE",
    OpenLeads = "OPEN_LEADS",
    Credit = "CREDIT",
    Waiting = "WAITING",
    Place = "PLACE",
});

/// Where a candidate stood when it was decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Standing {
    /// When they were last given a lead.
    pub last_assign_time: Option<Time>,
    /// With [`Strategy::LeastLoaded`]: how many open leads they counted as having.
    pub open_leads: Option<u64>,
    /// With [`Strategy::Weighted`]: what they had waited for so far, in parts of a lead.
    pub credit: Option<i64>,
}

/// One of a rule's targets, as it was judged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Judged {
    /// Who.
    pub user_id: UserId,
    /// Where they stood, or why they couldn't take the lead.
    pub standing: Result<Standing, Ineligible>,
}

/// Why a lead went to whom it went.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decision {
    /// By which rule, which may be gone by now.
    pub rule_id: RuleId,
    /// Who was next.
    pub strategy: Strategy,
    /// What decided.
    pub key: Key,
    /// The rule's targets: the one who was chosen, then whoever would have been next, and so on; last those who couldn't take it.
    pub candidates: Vec<Judged>,
}
