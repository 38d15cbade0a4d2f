//! Which fields of the leads on a list are sent.

use leadward::proto::{
    ErrorReason, FILE_DESCRIPTOR_SET, GetAgentReportRequest, Lead, LeadAction, LeadState, ListAssignedLeadsRequest,
    ListLeadsRequest, ListLeadsResponse,
};
use prost::Message;
use prost_types::{FieldMask, FileDescriptorSet};

use super::every_state;
use crate::support::{Caller, TestServer, faults, named, on_both_databases, refused};

fn with_mask(paths: &[&str]) -> ListLeadsRequest {
    let paths = paths.iter().map(|path| (*path).to_owned()).collect();
    ListLeadsRequest { states: every_state(), read_mask: Some(FieldMask { paths }), ..ListLeadsRequest::default() }
}

async fn first_page(caller: &Caller, request: ListLeadsRequest) -> ListLeadsResponse {
    caller.leads().list_leads(request).await.unwrap().into_inner()
}

/// The fields of a lead, as the proto has them.
fn fields() -> Vec<String> {
    let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
    let mut messages =
        set.file.iter().filter(|file| file.package() == "leadward.v1").flat_map(|file| &file.message_type);
    let lead = messages.find(|message| message.name() == "Lead").unwrap();
    lead.field.iter().map(|field| field.name().to_owned()).collect()
}

on_both_databases! {
    async fn each_field_can_be_asked_for_alone_and_all_make_the_lead(t: TestServer) {
        let ana = t.agent("ana").await;
        let group_id = Some(t.group("north", &[]).await);
        let lead = Lead {
            email: Some("ana@example.org".to_owned()),
            email_confirmed: Some(true),
            country: Some("PT".to_owned()),
            stage: Some("New".to_owned()),
            assignee_id: ana.id.clone(),
            group_id,
            ..named("Ana")
        };
        let made = t.admin().create_lead(lead).await.unwrap();
        let discarded = t.admin().discard(&made.id).await.unwrap();
        let mut merged = Vec::new();
        for field in fields() {
            let page = first_page(&t.admin(), with_mask(&[&field])).await;
            let [part] = page.leads.as_slice() else { panic!("one lead by {field}") };
            merged.extend(part.encode_to_vec());
            let again = first_page(&t.admin(), with_mask(&[&field, "id", &field])).await;
            let both = Lead { id: discarded.id.clone(), ..part.clone() };
            assert_eq!(again.leads, [both], "{field} with the ID");
        }
        // The parts of a message, one after the other, are the message.
        assert_eq!(Lead::decode(merged.as_slice()).unwrap(), discarded);
        for request in [with_mask(&[]), ListLeadsRequest { read_mask: None, ..with_mask(&[]) }] {
            assert_eq!(first_page(&t.admin(), request).await.leads, [discarded.clone()]);
        }
    }

    async fn what_is_not_sent_is_still_filtered_and_ordered_by(t: TestServer) {
        for (name, country) in [("one", "PT"), ("two", "ES"), ("three", "PT")] {
            t.admin().create_lead(Lead { country: Some(country.to_owned()), ..named(name) }).await.unwrap();
        }
        let request = ListLeadsRequest {
            filter: "country = PT".to_owned(),
            order_by: "name".to_owned(),
            page_size: 1,
            ..with_mask(&["name"])
        };
        let first = first_page(&t.admin(), request.clone()).await;
        assert_eq!(first.leads, [named("one")]);
        let second = ListLeadsRequest { page_token: first.next_page_token, ..request };
        assert_eq!(first_page(&t.admin(), second).await.leads, [named("three")]);
    }

    /// From page to page the fields may differ.
    async fn the_leads_of_a_user_are_sent_by_field_too(t: TestServer) {
        let ana = t.agent("ana").await;
        for (name, country) in [("one", "PT"), ("two", "ES")] {
            let lead = Lead { country: Some(country.to_owned()), assignee_id: ana.id.clone(), ..named(name) };
            t.admin().create_lead(lead).await.unwrap();
        }
        let read_mask = |field: &str| with_mask(&[field]).read_mask;
        let of_country = Lead { country: Some("PT".to_owned()), ..Lead::default() };

        let ask = async |field: &str, page_token: String| {
            let read_mask = read_mask(field);
            let request = ListAssignedLeadsRequest { read_mask, page_size: 1, page_token, ..Default::default() };
            ana.assignments().list_assigned_leads(request).await.map(|page| page.into_inner())
        };
        let first = ask("name", String::new()).await.unwrap();
        assert_eq!(first.leads, [named("two")]);
        assert_eq!(ask("country", first.next_page_token).await.unwrap().leads, [of_country.clone()]);
        let status = refused(ask("nickname", String::new()).await, ErrorReason::InvalidArgument);
        assert_eq!(faults(&status), ["read_mask.paths[0]"]);

        let ask = async |field: &str, page_token: String| {
            let read_mask = read_mask(field);
            let request = GetAgentReportRequest { read_mask, page_size: 1, page_token, ..Default::default() };
            ana.reports().get_agent_report(request).await.map(|page| page.into_inner())
        };
        let first = ask("name", String::new()).await.unwrap();
        assert_eq!((first.leads, first.recent_entries.len()), (vec![named("two")], 2));
        assert_eq!(ask("country", first.next_page_token).await.unwrap().leads, [of_country]);
        let status = refused(ask("nickname", String::new()).await, ErrorReason::InvalidArgument);
        assert_eq!(faults(&status), ["read_mask.paths[0]"]);
    }

    async fn paths_that_are_no_fields_are_refused(t: TestServer) {
        let request = ListLeadsRequest {
            action: LeadAction::View.into(),
            states: vec![LeadState::Active.into()],
            ..with_mask(&["name", "nickname", "attributes.plan", "*", ""])
        };
        let status = refused(t.admin().leads().list_leads(request).await, ErrorReason::InvalidArgument);
        let expected = ["read_mask.paths[1]", "read_mask.paths[2]", "read_mask.paths[3]", "read_mask.paths[4]"];
        assert_eq!(faults(&status), expected);
    }
}
