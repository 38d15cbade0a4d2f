//! The calls on assignment rules.

use crate::{
    access::Caller,
    domain::{Result, distribution},
    model::ids::RuleId,
    proto,
    rpc::{
        Api,
        convert::{self, Faults, etag},
    },
};

pub(super) async fn create(
    api: &Api,
    caller: &Caller,
    mut request: proto::CreateAssignmentRuleRequest,
) -> Result<proto::CreateAssignmentRuleResponse> {
    distribution::may_change(caller)?;
    let mut faults = Faults::default();
    let once = faults.once(&mut request);
    let new = faults.new_rule(request.rule.unwrap_or_default());
    let new = faults.unless(new)?;
    api.change(caller, once, new, |tx, args| async move {
        let (caller, new) = &*args;
        let rule = distribution::create(&tx, caller, new).await?;
        Ok(proto::CreateAssignmentRuleResponse { rule: Some(convert::rule(rule)) })
    })
    .await
}

pub(super) async fn update(
    api: &Api,
    caller: &Caller,
    mut request: proto::UpdateAssignmentRuleRequest,
) -> Result<proto::UpdateAssignmentRuleResponse> {
    distribution::may_change(caller)?;
    let mut faults = Faults::default();
    let once = faults.once(&mut request);
    let given = request.rule.unwrap_or_default();
    let patch = faults.rule_patch(&given, request.update_mask);
    let (id, patch) = faults.unless(patch)?;
    api.change(caller, once, (patch, etag(&given.etag)), move |tx, args| async move {
        let (caller, (patch, etag)) = &*args;
        let rule = distribution::update(&tx, caller, id, patch, etag.as_deref()).await?;
        Ok(proto::UpdateAssignmentRuleResponse { rule: Some(convert::rule(rule)) })
    })
    .await
}

pub(super) async fn list(
    api: &Api,
    caller: &Caller,
    mut request: proto::ListAssignmentRulesRequest,
) -> Result<proto::ListAssignmentRulesResponse> {
    distribution::may_read(caller)?;
    let mut faults = Faults::default();
    let paging = faults.paging(&mut request);
    faults.unless(Some(()))?;
    let (page, pages) = api.page(caller, &paging)?;
    let paged = distribution::list(&api.store, caller, &page).await?;
    let (rules, next_page_token) = pages.fill(paged, |rule| rule.id.uuid(), convert::rule)?;
    Ok(proto::ListAssignmentRulesResponse { rules, next_page_token })
}

pub(super) async fn delete(
    api: &Api,
    caller: &Caller,
    mut request: proto::DeleteAssignmentRuleRequest,
) -> Result<proto::DeleteAssignmentRuleResponse> {
    distribution::may_change(caller)?;
    let mut faults = Faults::default();
    let once = faults.once(&mut request);
    let id = faults.id::<RuleId>("rule_id", &request.rule_id);
    let id = faults.unless(id)?;
    api.change(caller, once, etag(&request.etag), move |tx, args| async move {
        let (caller, etag) = &*args;
        distribution::delete(&tx, caller, id, etag.as_deref()).await?;
        Ok(proto::DeleteAssignmentRuleResponse {})
    })
    .await
}
