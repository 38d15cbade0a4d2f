//! Leads for which nobody was found.

use leadward::proto::{
    AssignmentRule, DistributeLeadsRequest, ErrorReason, Lead, LeadAction, ListUnplacedLeadsRequest, UnplacedLead,
};
use prost_types::FieldMask;

use super::{change, distribute, leads, make, round_robin, run, told};
use crate::support::{Caller, TestServer, groups_permission, named, on_both_databases, refused};

async fn all(caller: &Caller, page_size: i32) -> Vec<UnplacedLead> {
    let mut found = Vec::new();
    let mut request = ListUnplacedLeadsRequest { page_size, ..ListUnplacedLeadsRequest::default() };
    loop {
        let page = caller.assignments().list_unplaced_leads(request.clone()).await.unwrap().into_inner();
        found.extend(page.leads);
        if page.next_page_token.is_empty() {
            return found;
        }
        request.page_token = page.next_page_token;
    }
}

/// The leads, and why.
pub(super) async fn list(caller: &Caller) -> Vec<(String, String)> {
    let told = |unplaced: UnplacedLead| {
        let cause = unplaced.cause().as_str_name().trim_start_matches("UNPLACED_CAUSE_").to_owned();
        (unplaced.lead.expect("a lead").id, cause)
    };
    all(caller, 2).await.into_iter().map(told).collect()
}

on_both_databases! {
    async fn what_nobody_can_take_is_listed_until_somebody_has_it(t: TestServer) {
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        let group = t.group("north", &[]).await;
        let rule = make(&admin, AssignmentRule { group_id: Some(group.clone()), ..round_robin(&[]) }).await;
        let new = leads(&t, 5).await;
        assert_eq!(list(&admin).await, [], "nothing was tried yet");
        distribute(&admin).await;
        let ids: Vec<&str> = new.iter().rev().map(|lead| lead.id.as_str()).collect();
        let found = all(&admin, 2).await;
        assert_eq!(found.iter().map(|unplaced| unplaced.lead.as_ref().unwrap().id.as_str()).collect::<Vec<_>>(), ids);
        assert!(found.iter().all(|unplaced| unplaced.rule_id == rule.id && unplaced.time.is_some()));
        assert_eq!(list(&admin).await[0].1, "NO_TARGETS");

        // Another reason by now, and some have found somebody.
        t.add_members(&group, &[&ana]).await;
        super::absence::away(&t, &ana, 3600).await;
        admin.assign(&new[0].id, &ana).await.unwrap();
        admin.discard(&new[1].id).await.unwrap();
        admin.delete(&new[2].id).await.unwrap();
        distribute(&admin).await;
        let left = [&new[4], &new[3]].map(|lead| (lead.id.clone(), "AWAY".to_owned()));
        assert_eq!(list(&admin).await, left);
        admin.unassign(&new[0].id).await.unwrap();
        assert_eq!(list(&admin).await, left, "it has found somebody once");

        t.deactivate(&ana).await;
        change(&admin, AssignmentRule { id: rule.id.clone(), disabled: Some(true), ..Default::default() }).await.unwrap();
        make(&admin, AssignmentRule { name: Some("other".to_owned()), ..round_robin(&[&t.agent("ben").await]) }).await;
        distribute(&admin).await;
        assert_eq!(list(&admin).await, []);
    }

    /// That no rule is for a lead is known once all were tried.
    async fn one_rule_alone_says_nothing_of_others(t: TestServer) {
        let (admin, ana) = (t.admin(), t.agent("ana").await);
        t.deactivate(&ana).await;
        let german = AssignmentRule { filter: Some("country = DE".to_owned()), ..round_robin(&[&ana]) };
        make(&admin, german).await;
        let elsewhere = AssignmentRule { filter: Some("country = AQ".to_owned()), name: Some("elsewhere".to_owned()), ..round_robin(&[&ana]) };
        let elsewhere = make(&admin, AssignmentRule { on_creation: Some(true), ..elsewhere }).await;
        let lead = admin.create_lead(Lead { country: Some("DE".to_owned()), ..named("german") }).await.unwrap();
        assert_eq!(list(&admin).await, [], "a rule that isn't tried on creation is for it");
        distribute(&admin).await;
        let deactivated = [(lead.id, "USER_DEACTIVATED".to_owned())];
        assert_eq!(list(&admin).await, deactivated);
        let alone = DistributeLeadsRequest { rule_id: elsewhere.id, ..DistributeLeadsRequest::default() };
        assert_eq!(told(&run(&admin, alone).await.unwrap().1, &[]), ["NO_RULE"]);
        assert_eq!(list(&admin).await, deactivated);
    }

    async fn it_is_told_to_those_who_may_assign_them(t: TestServer) {
        let (admin, chief, other) = (t.admin(), t.agent("chief").await, t.agent("other").await);
        let group = t.group("north", &[]).await;
        admin.set_permission(&chief, groups_permission(LeadAction::Assign, &[&group])).await.unwrap();
        make(&admin, AssignmentRule { filter: Some("country = DE".to_owned()), ..round_robin(&[&other]) }).await;
        let inside = t.lead_in("inside", &group).await;
        t.lead("outside").await;
        distribute(&admin).await;
        assert_eq!(list(&admin).await.len(), 2);
        // Rules may ask for orders, which are shown with leads that may be viewed.
        let hidden = chief.assignments().list_unplaced_leads(ListUnplacedLeadsRequest::default()).await;
        refused(hidden, ErrorReason::ActionNotPermitted);
        admin.set_permission(&chief, groups_permission(LeadAction::View, &[&group])).await.unwrap();
        assert_eq!(list(&chief).await, [(inside.id, "NO_RULE".to_owned())]);
        assert_eq!(list(&other).await, []);
        let read_mask = Some(FieldMask { paths: vec!["name".to_owned()] });
        let request = ListUnplacedLeadsRequest { read_mask, ..ListUnplacedLeadsRequest::default() };
        let page = chief.assignments().list_unplaced_leads(request).await.unwrap().into_inner();
        let lead = page.leads[0].lead.as_ref().unwrap();
        assert_eq!((lead.name(), lead.id.as_str()), ("inside", ""));
        let request = ListUnplacedLeadsRequest { page_token: "x".to_owned(), ..ListUnplacedLeadsRequest::default() };
        refused(chief.assignments().list_unplaced_leads(request).await, ErrorReason::InvalidPageToken);
    }
}
