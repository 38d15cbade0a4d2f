//! What each column of the All Leads report says.

use leadward::proto::{Capability, ErrorReason, ImportRow, Lead, OrderStatus, OrderVisibility, Profile, Role};

use super::{at, in_columns, order, table, user_with};
use crate::support::{TestServer, named, on_both_databases, refused};

/// Every column but the custom attributes, and those that are the database's times.
const COLUMNS: [&str; 29] = [
    "id",
    "external_id",
    "name",
    "email",
    "email_confirmed",
    "phone",
    "country",
    "locale",
    "source",
    "campaign",
    "kind",
    "state",
    "stage",
    "discard_reason",
    "disposition",
    "next_contact_time",
    "assignee",
    "assignee_id",
    "group",
    "group_id",
    "created_by",
    "register_time",
    "first_deposit_time",
    "last_order_status",
    "last_order_number",
    "last_order_amount",
    "last_order_place_time",
    "attributes.plan",
    "attributes.\"job\"",
];
/// By the database's clock.
const TIMES: [&str; 5] = ["assign_time", "discard_time", "resolve_time", "create_time", "update_time"];

on_both_databases! {
    async fn every_column_says_what_the_lead_says(t: TestServer) {
        let (admin, ana, north) = (t.admin(), t.agent("ana").await, t.group("north", &[]).await);
        let lead = Lead {
            external_id: Some("7".to_owned()),
            email: Some("Bo@example.com".to_owned()),
            email_confirmed: Some(true),
            phone: Some("+351213466111".to_owned()),
            country: Some("PT".to_owned()),
            locale: Some("pt-PT".to_owned()),
            campaign: Some("spring".to_owned()),
            attributes: [("plan".to_owned(), "gold".to_owned()), ("job".to_owned(), "cook".to_owned())].into(),
            stage: Some("New".to_owned()),
            next_contact_time: at(1_800_000_000),
            group_id: Some(north.clone()),
            assignee_id: ana.id.clone(),
            ..named("Bo")
        };
        let row = ImportRow {
            lead: Some(lead),
            register_time: at(1_700_000_000),
            first_deposit_time: at(1_700_000_001),
            ..ImportRow::default()
        };
        let id = admin.import(vec![row]).await.unwrap().remove(0).lead_id;
        order(&t, &id, "N-2", OrderStatus::Completed, 20).await;
        order(&t, &id, "N-1", OrderStatus::Partial, 10).await;
        let lead = admin.resolve(&id).await.unwrap();

        let said = table(&admin, in_columns(&COLUMNS)).await;
        let (id, north, ana, me) = (id.as_str(), north.as_str(), ana.id.as_str(), admin.name.as_str());
        let expected = [
            id, "7", "Bo", "Bo@example.com", "true", "+351213466111", "PT", "pt-PT", "BULK_UPLOAD", "spring", "CLIENT",
            "RESOLVED", "New", "", "Declined", "1800000000", "ana", ana, "north", north, me, "1700000000",
            "1700000001", "COMPLETED", "N-2", "12.5 EUR", "1700000020", "gold", "cook",
        ];
        assert_eq!(said, [expected]);

        let seconds = |time: Option<prost_types::Timestamp>| time.map(|time| time.seconds.to_string());
        let times = table(&admin, in_columns(&TIMES)).await.swap_remove(0);
        let of_lead = [lead.resolve_time, lead.create_time, lead.update_time].map(seconds).map(Option::unwrap);
        assert_eq!(times[2..], of_lead);
        assert!(!times[0].is_empty() && times[1].is_empty(), "assigned, and not discarded: {times:?}");
    }

    async fn what_a_lead_does_not_say_is_unset(t: TestServer) {
        let lead = t.lead("Ida").await;
        let said = table(&t.admin(), in_columns(&COLUMNS)).await.swap_remove(0);
        let set = |column: &str| ["id", "name", "email_confirmed", "source", "kind", "state", "created_by"].contains(&column);
        for (column, said) in COLUMNS.iter().zip(&said) {
            assert_eq!(!said.is_empty(), set(column), "{column}: {said}");
        }
        let expected = [lead.id.as_str(), "Ida", "false", "API", "LEAD", "ACTIVE"];
        let shown = in_columns(&["id", "name", "email_confirmed", "source", "kind", "state"]);
        assert_eq!(table(&t.admin(), shown).await, [expected]);

        t.admin().discard(&lead.id).await.unwrap();
        let mut request = in_columns(&["state", "discard_reason", "discard_time"]);
        request.filter = "state = DISCARDED".to_owned();
        let said = table(&t.admin(), request).await.swap_remove(0);
        assert_eq!(said[..2], ["DISCARDED", "Not ready"]);
        assert!(!said[2].is_empty());
    }

    async fn columns_come_in_the_order_asked(t: TestServer) {
        t.lead("Ida").await;
        for paths in [["name", "kind", "state"], ["state", "name", "kind"], ["kind", "state", "name"]] {
            let page = t.admin().reports().run_all_leads_report(in_columns(&paths)).await.unwrap().into_inner();
            assert_eq!(page.columns, paths);
            let says = |path: &str| match path {
                "name" => "Ida",
                "kind" => "LEAD",
                _ => "ACTIVE",
            };
            assert_eq!(super::cells(&page.rows[0]), paths.map(says));
        }
        for paths in [&[][..], &["name", "attributes.\"a b\"", "attributes.plan", "assignee_id"]] {
            let page = t.admin().reports().run_all_leads_report(in_columns(paths)).await.unwrap().into_inner();
            assert_eq!(page.rows[0].cells.len(), page.columns.len());
            let expected = if paths.is_empty() { 12 } else { paths.len() };
            assert_eq!(page.columns.len(), expected, "{:?}", page.columns);
            let again = in_columns(&page.columns.iter().map(String::as_str).collect::<Vec<_>>());
            let again = t.admin().reports().run_all_leads_report(again).await.unwrap().into_inner();
            assert_eq!(again, page, "columns are told as they can be asked for");
        }
    }

    /// The most recent order is the most recent one that the caller sees.
    async fn who_sees_partial_orders_alone_sees_no_others_in_any_column(t: TestServer) {
        let capabilities = vec![Capability::ViewAllLeadsReport.into()];
        let order_visibility = OrderVisibility::PartialOnly.into();
        let like = Profile { capabilities, order_visibility, ..Profile::default() };
        let kim = user_with(&t, "kim", Role::Agent, like).await;
        let (both, paid) = (t.lead("both").await, t.lead("paid").await);
        order(&t, &both.id, "N-1", OrderStatus::Partial, 10).await;
        order(&t, &both.id, "N-2", OrderStatus::Completed, 20).await;
        order(&t, &paid.id, "N-3", OrderStatus::Completed, 30).await;

        let paths = ["name", "last_order_number", "last_order_status", "last_order_amount"];
        let shown = table(&kim, in_columns(&paths)).await;
        assert_eq!(shown, [["paid", "", "", ""], ["both", "N-1", "PARTIAL", "12.5 EUR"]]);
        let shown = table(&t.admin(), in_columns(&paths)).await;
        assert_eq!(shown, [["paid", "N-3", "COMPLETED", "12.5 EUR"], ["both", "N-2", "COMPLETED", "12.5 EUR"]]);
        for (status, to_kim, to_admin) in [("COMPLETED", 0, 2), ("PARTIAL", 1, 0)] {
            let mut request = in_columns(&paths);
            request.filter = format!("last_order_status = {status}");
            assert_eq!(table(&kim, request.clone()).await.len(), to_kim, "{status}");
            assert_eq!(table(&t.admin(), request).await.len(), to_admin, "{status}");
        }
    }

    async fn what_is_no_column_is_refused(t: TestServer) {
        for paths in [&["nickname"][..], &["id", "id"], &["attributes."], &["Name"]] {
            let answer = t.admin().reports().run_all_leads_report(in_columns(paths)).await;
            refused(answer, ErrorReason::InvalidArgument);
        }
    }
}
