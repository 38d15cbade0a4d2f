//! Saved views: who sees them, who changes them, and that they give nobody anything but arguments.

use leadward::proto::{
    DeleteGroupRequest, DeleteSavedViewRequest, ErrorReason, ListMyLeadsRequest, ListSavedViewsRequest,
    RemoveGroupMembersRequest, Report, RunAllLeadsReportRequest, SavedView, UpdateSavedViewRequest,
};
use tonic::Status;
use uuid::Uuid;

use super::{column, in_columns, my_leads, pages, save, table, view};
use crate::support::{Caller, TestServer, answer, fact, faults, on_both_databases, refused};

async fn list(caller: &Caller, report: Report) -> Vec<SavedView> {
    let mut request = ListSavedViewsRequest { report: report.into(), page_size: 1, ..ListSavedViewsRequest::default() };
    let mut views = Vec::new();
    loop {
        let page = caller.reports().list_saved_views(request.clone()).await.unwrap().into_inner();
        views.extend(page.saved_views);
        if page.next_page_token.is_empty() {
            return views;
        }
        request.page_token = page.next_page_token;
    }
}

async fn names(caller: &Caller) -> Vec<String> {
    list(caller, Report::Unspecified).await.into_iter().map(|view| view.name().to_owned()).collect()
}

/// No paths in the mask: no mask.
async fn update(caller: &Caller, view: SavedView, paths: &[&str]) -> Result<SavedView, Status> {
    let update_mask = if paths.is_empty() { None } else { super::mask(paths) };
    let request = UpdateSavedViewRequest { saved_view: Some(view), update_mask, ..Default::default() };
    Ok(caller.reports().update_saved_view(request).await?.into_inner().saved_view.unwrap())
}

async fn delete(caller: &Caller, view: &SavedView, etag: &str) -> Result<(), Status> {
    let request = DeleteSavedViewRequest {
        saved_view_id: view.id.clone(),
        etag: etag.to_owned(),
        ..DeleteSavedViewRequest::default()
    };
    caller.reports().delete_saved_view(request).await.map(drop)
}

fn run(view: &SavedView) -> RunAllLeadsReportRequest {
    RunAllLeadsReportRequest { saved_view_id: view.id.clone(), ..RunAllLeadsReportRequest::default() }
}

/// A view of all leads that is shared with a group.
fn shared(name: &str, group_id: &str) -> SavedView {
    SavedView { group_ids: vec![group_id.to_owned()], ..view(Report::AllLeads, name) }
}

on_both_databases! {
    async fn a_view_is_kept_as_given(t: TestServer) {
        let (mia, north) = (t.manager("mia").await, t.group("north", &[]).await);
        let columns = ["name", "attributes.plan", "assignee"].map(str::to_owned).to_vec();
        let given = SavedView {
            name: Some(" Portugal ".to_owned()),
            columns,
            filter: Some("country = \"PT\"".to_owned()),
            order_by: Some("name desc".to_owned()),
            group_ids: vec![north.clone(), north],
            id: "mine".to_owned(),
            owner_id: t.admin().id,
            etag: "mine".to_owned(),
            ..view(Report::AllLeads, "")
        };
        let kept = save(&mia, given.clone()).await.unwrap();
        let expected = SavedView {
            id: kept.id.clone(),
            owner_id: mia.id.clone(),
            name: Some("Portugal".to_owned()),
            group_ids: given.group_ids[..1].to_vec(),
            create_time: kept.create_time,
            update_time: kept.create_time,
            etag: kept.etag.clone(),
            ..given
        };
        assert_eq!(kept, expected);
        assert!(kept.create_time.is_some() && kept.etag != "mine");
        assert_eq!(Uuid::parse_str(&kept.id).unwrap().get_version_num(), 7);
        assert_eq!(list(&mia, Report::AllLeads).await, [kept]);
        let bare = save(&mia, view(Report::MyLeads, "all")).await.unwrap();
        assert_eq!((bare.filter(), bare.order_by(), bare.columns.len(), bare.group_ids.len()), ("", "", 0, 0));
        assert_eq!(list(&mia, Report::MyLeads).await, [bare]);
    }

    async fn a_name_is_one_view_of_its_owner_and_report(t: TestServer) {
        let (mia, max) = (t.manager("mia").await, t.manager("max").await);
        let first = save(&mia, view(Report::AllLeads, "Hot")).await.unwrap();
        let again = save(&mia, view(Report::AllLeads, "hOT ")).await;
        assert_eq!(fact(&refused(again, ErrorReason::DuplicateResource), "field"), "name");
        save(&mia, view(Report::MyLeads, "Hot")).await.unwrap();
        save(&max, view(Report::AllLeads, "Hot")).await.unwrap();
        let cold = save(&mia, view(Report::AllLeads, "Cold")).await.unwrap();
        let renamed = SavedView { name: first.name.clone(), ..cold.clone() };
        refused(update(&mia, renamed, &["name"]).await, ErrorReason::DuplicateResource);
        let same = update(&mia, SavedView { name: Some("HOT".to_owned()), ..first }, &["name"]).await.unwrap();
        assert_eq!(same.name(), "HOT", "another spelling of its own");
        assert_eq!(names(&mia).await, ["HOT", "Hot", "Cold"]);
    }

    async fn a_view_is_private_unless_it_is_shared(t: TestServer) {
        let (ana, ben, eva) = (t.agent("ana").await, t.agent("ben").await, t.agent("eva").await);
        let north = t.group("north", &[&ana, &ben]).await;
        save(&ana, view(Report::MyLeads, "private")).await.unwrap();
        let kept = save(&ana, shared("shared", &north)).await.unwrap();
        assert_eq!(names(&ana).await, ["private", "shared"]);
        assert_eq!(list(&ben, Report::Unspecified).await, [kept.clone()]);
        assert!(names(&eva).await.is_empty());
        assert!(names(&t.manager("mia").await).await.is_empty());
        assert_eq!(names(&t.admin()).await, ["private", "shared"], "administrators see everybody's");

        t.add_members(&north, &[&eva]).await;
        assert_eq!(names(&eva).await, ["shared"]);
        let user_ids = vec![ben.id.clone(), ana.id.clone()];
        let leaving = RemoveGroupMembersRequest { group_id: north.clone(), user_ids, ..Default::default() };
        t.admin().directory().remove_group_members(leaving).await.unwrap();
        assert!(names(&ben).await.is_empty());
        assert_eq!(names(&ana).await, ["private", "shared"], "its owner keeps it");
        let unshared = SavedView { id: kept.id, ..SavedView::default() };
        let unshared = update(&ana, unshared, &["group_ids"]).await.unwrap();
        assert!(unshared.group_ids.is_empty() && names(&eva).await.is_empty());
    }

    async fn agents_share_with_groups_of_their_own_and_managers_with_any(t: TestServer) {
        let (ana, mia) = (t.agent("ana").await, t.manager("mia").await);
        let (north, south) = (t.group("north", &[&ana]).await, t.group("south", &[]).await);
        let absent = Uuid::now_v7().to_string();
        let kept = save(&ana, shared("north", &north)).await.unwrap();
        let mut refusals = Vec::new();
        for group in [&south, &absent] {
            let status = refused(save(&ana, shared("other", group)).await, ErrorReason::RoleRequired);
            assert_eq!(fact(&status, "role"), "MANAGER");
            refusals.push(answer(&status));
            let group_ids = vec![north.clone(), group.clone()];
            let wider = update(&ana, SavedView { group_ids, ..kept.clone() }, &["group_ids"]).await;
            refusals.push(answer(&refused(wider, ErrorReason::RoleRequired)));
        }
        assert!(refusals.iter().all(|refusal| *refusal == refusals[0]), "whether there is such a group or not");

        for group in [&north, &south] {
            save(&mia, shared(&format!("for {group}"), group)).await.unwrap();
        }
        let status = refused(save(&mia, shared("nobody's", &absent)).await, ErrorReason::InvalidArgument);
        assert_eq!(faults(&status), ["saved_view.group_ids[0]"]);

        // What was shared stays so, and can be left so, by one who is no longer a member.
        let leaving = RemoveGroupMembersRequest {
            group_id: north.clone(),
            user_ids: vec![ana.id.clone()],
            ..RemoveGroupMembersRequest::default()
        };
        t.admin().directory().remove_group_members(leaving).await.unwrap();
        let renamed = SavedView { name: Some("renamed".to_owned()), ..kept };
        assert_eq!(update(&ana, renamed, &[]).await.unwrap().group_ids, [north.clone()]);
        refused(save(&ana, shared("again", &north)).await, ErrorReason::RoleRequired);
    }

    async fn a_view_is_changed_by_its_owner_or_an_administrator(t: TestServer) {
        let (ana, ben, mia) = (t.agent("ana").await, t.agent("ben").await, t.manager("mia").await);
        let north = t.group("north", &[&ana, &ben, &mia]).await;
        let kept = save(&ana, shared("shared", &north)).await.unwrap();
        let hidden = save(&ana, view(Report::AllLeads, "private")).await.unwrap();
        let absent = SavedView { id: Uuid::now_v7().to_string(), ..SavedView::default() };
        for caller in [&ben, &mia] {
            refused(update(caller, kept.clone(), &["name"]).await, ErrorReason::NotOwner);
            refused(delete(caller, &kept, "").await, ErrorReason::NotOwner);
            let told = refused(update(caller, hidden.clone(), &["name"]).await, ErrorReason::ResourceNotFound);
            let named = SavedView { name: hidden.name.clone(), ..absent.clone() };
            let never = refused(update(caller, named, &["name"]).await, ErrorReason::ResourceNotFound);
            assert_eq!(answer(&told), answer(&never));
            let told = refused(delete(caller, &hidden, "").await, ErrorReason::ResourceNotFound);
            assert_eq!(answer(&told), answer(&refused(delete(caller, &absent, "").await, ErrorReason::ResourceNotFound)));
        }

        let filter = Some("stage = \"New\"".to_owned());
        let changed = SavedView { id: kept.id.clone(), filter: filter.clone(), ..SavedView::default() };
        let changed = update(&t.admin(), changed, &[]).await.unwrap();
        assert_ne!(changed.etag, kept.etag);
        let (etag, update_time) = (changed.etag.clone(), changed.update_time);
        assert_eq!(changed, SavedView { filter, etag, update_time, ..kept.clone() }, "and stays its owner's");
        assert_eq!(update(&ana, changed.clone(), &[]).await.unwrap(), changed, "what changes nothing is no change");
        let cleared = update(&ana, SavedView { filter: None, ..changed.clone() }, &["filter", "columns"]).await.unwrap();
        assert_eq!(cleared.filter(), "");

        let stale = update(&ana, SavedView { etag: kept.etag.clone(), ..changed }, &["order_by"]).await;
        assert_eq!(fact(&refused(stale, ErrorReason::StaleEtag), "current_etag"), cleared.etag);
        refused(delete(&ana, &kept, &kept.etag).await, ErrorReason::StaleEtag);
        delete(&ana, &kept, &cleared.etag).await.unwrap();
        refused(delete(&ana, &kept, "").await, ErrorReason::ResourceNotFound);
        delete(&t.admin(), &hidden, "").await.unwrap();
        assert!(names(&t.admin()).await.is_empty());
    }

    async fn the_columns_of_ones_own_leads_are_fixed(t: TestServer) {
        let ana = t.agent("ana").await;
        let kept = save(&ana, view(Report::MyLeads, "mine")).await.unwrap();
        let columns = vec!["name".to_owned()];
        let status = update(&ana, SavedView { columns, ..kept }, &["columns"]).await;
        assert_eq!(faults(&refused(status, ErrorReason::InvalidArgument)), ["saved_view.columns"]);
    }

    async fn a_view_is_run_by_its_id_and_what_the_request_says_takes_its_place(t: TestServer) {
        let (mia, max) = (t.manager("mia").await, t.manager("max").await);
        let north = t.group("north", &[&max]).await;
        for name in ["Ana", "Bo", "Cy"] {
            t.lead(name).await;
        }
        let kept = SavedView {
            columns: vec!["state".to_owned(), "name".to_owned()],
            filter: Some("NOT name = \"Bo\"".to_owned()),
            order_by: Some("name".to_owned()),
            ..shared("not Bo", &north)
        };
        let kept = save(&mia, kept).await.unwrap();
        for caller in [&mia, &max, &t.admin()] {
            assert_eq!(table(caller, run(&kept)).await, [["ACTIVE", "Ana"], ["ACTIVE", "Cy"]], "{}", caller.name);
        }
        let own = |of: RunAllLeadsReportRequest| RunAllLeadsReportRequest { saved_view_id: kept.id.clone(), ..of };
        assert_eq!(column(&max, own(in_columns(&["name"]))).await, ["Ana", "Cy"]);
        let by = RunAllLeadsReportRequest { order_by: "name desc".to_owned(), ..in_columns(&["name"]) };
        assert_eq!(column(&max, own(by)).await, ["Cy", "Ana"]);
        let everyone = RunAllLeadsReportRequest { filter: "name:*".to_owned(), ..in_columns(&["name"]) };
        assert_eq!(column(&max, own(everyone)).await, ["Ana", "Bo", "Cy"]);

        let absent = SavedView { id: Uuid::now_v7().to_string(), ..SavedView::default() };
        let hidden = save(&mia, view(Report::AllLeads, "private")).await.unwrap();
        let told = answer(&refused(pages(&max, run(&hidden)).await, ErrorReason::ResourceNotFound));
        assert_eq!(told, answer(&refused(pages(&max, run(&absent)).await, ErrorReason::ResourceNotFound)));
        let malformed = RunAllLeadsReportRequest { filter: "name".to_owned(), ..run(&absent) };
        let status = refused(pages(&max, malformed).await, ErrorReason::InvalidArgument);
        assert_eq!(faults(&status), ["filter"], "what is malformed is told before what isn't there");
        let mine = save(&max, view(Report::MyLeads, "mine")).await.unwrap();
        let status = refused(pages(&max, run(&mine)).await, ErrorReason::InvalidArgument);
        assert_eq!(faults(&status), ["saved_view_id"]);
    }

    /// It is arguments, and whoever runs it has the rights that they have without it.
    async fn a_shared_view_widens_nobodys_scope(t: TestServer) {
        let (mia, ana, ben) = (t.manager("mia").await, t.agent("ana").await, t.agent("ben").await);
        let north = t.group("north", &[&ana, &ben]).await;
        t.lead_of("Ana's", &ana).await;
        t.lead_of("Mia's", &mia).await;
        let all = save(&mia, shared("all", &north)).await.unwrap();
        assert_eq!(names(&ana).await, ["all"]);
        refused(pages(&ana, run(&all)).await, ErrorReason::CapabilityRequired);

        let mine = SavedView { report: Report::MyLeads.into(), ..shared("mine", &north) };
        let saved_view_id = save(&mia, mine).await.unwrap().id;
        for (caller, expected) in [(&mia, vec!["Mia's"]), (&ana, vec!["Ana's"]), (&ben, vec![])] {
            let request = ListMyLeadsRequest { saved_view_id: saved_view_id.clone(), ..ListMyLeadsRequest::default() };
            let leads = caller.reports().list_my_leads(request).await;
            let leads = leads.unwrap().into_inner().leads;
            assert_eq!(leads.into_iter().map(|lead| lead.name).collect::<Vec<_>>(), expected, "{}", caller.name);
        }
    }

    /// A view is its arguments: the next page is asked for with them, whether the view says them or the request.
    async fn a_page_by_a_view_is_followed_by_one_without(t: TestServer) {
        let mia = t.manager("mia").await;
        for name in ["Ana", "Bo", "Cy", "Di"] {
            t.lead_of(name, &mia).await;
        }
        let (filter, order_by) = ("NOT name = \"Bo\"".to_owned(), "name".to_owned());
        let kept = |report| SavedView {
            filter: Some(filter.clone()),
            order_by: Some(order_by.clone()),
            ..view(report, "not Bo")
        };
        let of_all = save(&mia, kept(Report::AllLeads)).await.unwrap();
        let first = RunAllLeadsReportRequest { page_size: 1, ..run(&of_all) };
        let first = mia.reports().run_all_leads_report(first).await.unwrap().into_inner();
        let second = RunAllLeadsReportRequest {
            filter: filter.clone(),
            order_by: order_by.clone(),
            page_token: first.next_page_token,
            ..in_columns(&["name"])
        };
        assert_eq!(column(&mia, second.clone()).await, ["Cy", "Di"]);
        let back = RunAllLeadsReportRequest { filter: String::new(), saved_view_id: of_all.id, ..second };
        assert_eq!(column(&mia, back).await, ["Cy", "Di"]);

        let saved_view_id = save(&mia, kept(Report::MyLeads)).await.unwrap().id;
        let first = ListMyLeadsRequest { saved_view_id, page_size: 1, ..ListMyLeadsRequest::default() };
        let page_token = mia.reports().list_my_leads(first).await.unwrap().into_inner().next_page_token;
        let second = ListMyLeadsRequest { filter, order_by, page_token, ..ListMyLeadsRequest::default() };
        let names: Vec<String> = my_leads(&mia, second).await.into_iter().map(|lead| lead.name).collect();
        assert_eq!(names, ["Cy", "Di"]);
    }

    /// Its reader may know fewer names than its owner.
    async fn a_view_whose_filter_does_not_work_for_its_reader_is_named(t: TestServer) {
        let (mia, ana) = (t.manager("mia").await, t.agent("ana").await);
        let north = t.group("north", &[&ana]).await;
        let filter = "created_by = mia".to_owned();
        let kept = SavedView { report: Report::MyLeads.into(), filter: Some(filter.clone()), ..shared("by Mia", &north) };
        let saved_view_id = save(&mia, kept).await.unwrap().id;
        let run = ListMyLeadsRequest { saved_view_id, ..ListMyLeadsRequest::default() };
        mia.reports().list_my_leads(run.clone()).await.unwrap();
        let status = refused(ana.reports().list_my_leads(run.clone()).await, ErrorReason::InvalidArgument);
        assert_eq!(faults(&status), ["saved_view_id"]);
        assert!(status.message().contains("the filter of the view \"by Mia\": at byte 13: `created_by`"), "{status:?}");
        let own = ListMyLeadsRequest { filter, ..run };
        let status = refused(ana.reports().list_my_leads(own).await, ErrorReason::InvalidArgument);
        assert_eq!(faults(&status), ["filter"], "the request's own takes the view's place");
    }

    /// Pages of one list are of one list.
    async fn a_view_that_changes_between_two_pages_ends_the_list(t: TestServer) {
        let mia = t.manager("mia").await;
        for name in ["Ana", "Bo", "Cy"] {
            t.lead(name).await;
        }
        let kept = SavedView { order_by: Some("name".to_owned()), ..view(Report::AllLeads, "by name") };
        let kept = save(&mia, kept).await.unwrap();
        let first = RunAllLeadsReportRequest { page_size: 1, ..run(&kept) };
        let page_token = mia.reports().run_all_leads_report(first).await.unwrap().into_inner().next_page_token;
        let second = RunAllLeadsReportRequest { page_token, ..run(&kept) };
        let columns = vec!["name".to_owned()];
        update(&mia, SavedView { columns, ..kept.clone() }, &["columns"]).await.unwrap();
        assert_eq!(table(&mia, second.clone()).await, [["Bo"], ["Cy"]], "other columns make no other list");
        let order_by = Some("name desc".to_owned());
        update(&mia, SavedView { order_by, etag: String::new(), ..kept }, &["order_by"]).await.unwrap();
        refused(pages(&mia, second).await, ErrorReason::InvalidPageToken);
    }

    async fn a_group_that_is_deleted_is_no_longer_shared_with(t: TestServer) {
        let (mia, north) = (t.manager("mia").await, t.group("north", &[]).await);
        let kept = save(&mia, shared("shared", &north)).await.unwrap();
        let request = DeleteGroupRequest { group_id: north, ..DeleteGroupRequest::default() };
        t.admin().directory().delete_group(request).await.unwrap();
        let expected = SavedView { group_ids: vec![], ..kept };
        assert_eq!(list(&mia, Report::AllLeads).await, [expected]);
    }

    async fn of_two_changes_of_one_etag_at_once_one_is_made(t: TestServer) {
        let mia = t.manager("mia").await;
        let before = save(&mia, view(Report::AllLeads, "before")).await.unwrap();
        let named = |name: &str| SavedView { name: Some(name.to_owned()), ..before.clone() };
        let (one, other) = tokio::join!(update(&mia, named("one"), &["name"]), update(&mia, named("other"), &["name"]));
        let (won, lost) = match (one, other) {
            (Ok(won), Err(lost)) | (Err(lost), Ok(won)) => (won, lost),
            both => panic!("one of {both:?}"),
        };
        assert_eq!(fact(&refused(Err::<(), _>(lost), ErrorReason::StaleEtag), "current_etag"), won.etag);
        assert_eq!(list(&mia, Report::AllLeads).await, [won]);
    }
}
