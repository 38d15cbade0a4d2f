//! Orders: recorded, moved on, and reached through their leads.

mod lists;
mod partial_only;
mod sales;
mod scope;

use leadward::proto::{
    CreateOrderRequest, CreateOrderResponse, ErrorReason, FieldChange, GetOrderRequest, Lead, LeadHistoryKind,
    ListOrdersRequest, Money, Order, OrderStatus, UpdateOrderStatusRequest, UpdateOrderStatusResponse,
};
use prost_types::Timestamp;
use tonic::Status;
use uuid::Uuid;

use crate::support::{
    Caller, TestServer, database_rows, fact, faults, on_both_databases, reason, refused, seconds_from_now,
};

const STATUSES: [OrderStatus; 4] =
    [OrderStatus::Partial, OrderStatus::Completed, OrderStatus::Cancelled, OrderStatus::Refunded];

fn money(currency_code: &str, units: i64, nanos: i32) -> Money {
    Money { currency_code: currency_code.to_owned(), units, nanos }
}

/// An order to record.
fn order(lead: &Lead, number: &str, status: OrderStatus) -> Order {
    Order {
        lead_id: lead.id.clone(),
        number: number.to_owned(),
        status: status.into(),
        amount: Some(money("EUR", 12, 500_000_000)),
        ..Order::default()
    }
}

async fn create(caller: &Caller, order: Order) -> Result<CreateOrderResponse, Status> {
    let request = CreateOrderRequest { order: Some(order), ..CreateOrderRequest::default() };
    Ok(caller.orders().create_order(request).await?.into_inner())
}

/// Records an order that its creator sees.
async fn made(caller: &Caller, order: Order) -> Order {
    create(caller, order).await.unwrap().order.expect("an order that is seen")
}

async fn get(caller: &Caller, order_id: &str) -> Result<Order, Status> {
    let request = GetOrderRequest { order_id: order_id.to_owned() };
    Ok(caller.orders().get_order(request).await?.into_inner().order.unwrap())
}

async fn move_to(caller: &Caller, order_id: &str, status: OrderStatus) -> Result<UpdateOrderStatusResponse, Status> {
    move_if(caller, order_id, status, "").await
}

/// Moves an order on, if the etag is its own.
async fn move_if(
    caller: &Caller,
    order_id: &str,
    status: OrderStatus,
    etag: &str,
) -> Result<UpdateOrderStatusResponse, Status> {
    let request = UpdateOrderStatusRequest {
        order_id: order_id.to_owned(),
        status: status.into(),
        etag: etag.to_owned(),
        ..UpdateOrderStatusRequest::default()
    };
    Ok(caller.orders().update_order_status(request).await?.into_inner())
}

/// Every page.
async fn list(caller: &Caller, mut request: ListOrdersRequest) -> Vec<Order> {
    let mut orders = Vec::new();
    loop {
        let page = caller.orders().list_orders(request.clone()).await.unwrap().into_inner();
        assert!(request.page_size == 0 || page.orders.len() <= usize::try_from(request.page_size).unwrap());
        orders.extend(page.orders);
        if page.next_page_token.is_empty() {
            return orders;
        }
        request.page_token = page.next_page_token;
    }
}

/// Every order that a caller sees.
async fn all(caller: &Caller) -> Vec<Order> {
    list(caller, ListOrdersRequest::default()).await
}

/// What the newest entry of a lead's history says.
async fn last_entry(t: &TestServer, lead: &Lead) -> (LeadHistoryKind, String, Vec<FieldChange>) {
    let entry = t.admin().history(&lead.id).await.unwrap().swap_remove(0);
    (entry.kind(), entry.actor_id, entry.changes)
}

fn change(field: &str, before: Option<&str>, after: &str) -> FieldChange {
    FieldChange { field: field.to_owned(), before: before.map(str::to_owned), after: Some(after.to_owned()) }
}

on_both_databases! {
    async fn an_order_is_stored_as_given_and_changes_nothing_of_its_lead(t: TestServer) {
        let ana = t.agent("ana").await;
        let lead = t.lead_of("Ana's", &ana).await;
        let given = Order {
            number: " N-7 ".to_owned(),
            place_time: Some(Timestamp { seconds: 1_700_000_000, nanos: 123_456_789 }),
            items: "two of the blue ones ".to_owned(),
            id: "mine".to_owned(),
            created_by: t.admin().id,
            etag: "mine".to_owned(),
            ..order(&lead, "", OrderStatus::Partial)
        };
        let answer = create(&ana, given.clone()).await.unwrap();
        let stored = answer.order.unwrap();
        assert!(!answer.lead_resolved);

        let expected = Order {
            id: stored.id.clone(),
            number: "N-7".to_owned(),
            place_time: Some(Timestamp { seconds: 1_700_000_000, nanos: 123_456_000 }),
            items: "two of the blue ones".to_owned(),
            created_by: ana.id.clone(),
            create_time: stored.create_time,
            update_time: stored.create_time,
            etag: stored.etag.clone(),
            ..given
        };
        assert_eq!(stored, expected);
        assert_eq!(Uuid::parse_str(&stored.id).unwrap().get_version_num(), 7);
        assert!(stored.create_time.is_some() && !stored.etag.is_empty() && stored.etag != "mine");
        assert_eq!(get(&ana, &stored.id).await.unwrap(), stored);
        assert_eq!(all(&ana).await, [stored]);
        assert_eq!(t.admin().get_lead(&lead.id).await.unwrap(), lead);
    }

    async fn an_order_is_placed_when_it_is_recorded_unless_it_says_when(t: TestServer) {
        let lead = t.lead("Ana").await;
        let stored = made(&t.admin(), order(&lead, "N-1", OrderStatus::Completed)).await;
        assert!(stored.place_time.is_some());
        assert_eq!(stored.place_time, stored.create_time);

        let place_time = Some(seconds_from_now(86_400));
        let tomorrow = Order { place_time, ..order(&lead, "N-2", OrderStatus::Partial) };
        let status = refused(create(&t.admin(), tomorrow).await, ErrorReason::InvalidArgument);
        assert_eq!(faults(&status), ["order.place_time"]);
    }

    async fn an_order_goes_where_its_status_lets_it_go(t: TestServer) {
        use OrderStatus::{Cancelled, Completed, Partial, Refunded};
        let steps = [(Partial, Completed), (Partial, Cancelled), (Completed, Refunded), (Completed, Cancelled)];
        let (admin, lead) = (t.admin(), t.lead("Ana").await);
        for from in STATUSES {
            for to in STATUSES {
                let number = format!("{} to {}", from.as_str_name(), to.as_str_name());
                let before = made(&admin, order(&lead, &number, from)).await;
                let answer = move_to(&admin, &before.id, to).await;
                let expected = if from == to {
                    assert_eq!(answer.unwrap().order.as_ref(), Some(&before), "{number}");
                    before
                } else if steps.contains(&(from, to)) {
                    let after = answer.unwrap().order.unwrap();
                    assert_ne!(after.etag, before.etag);
                    let (etag, update_time) = (after.etag.clone(), after.update_time);
                    assert_eq!(after, Order { status: to.into(), etag, update_time, ..before }, "{number}");
                    after
                } else {
                    let status = refused(answer, ErrorReason::OrderStatus);
                    assert_eq!(format!("ORDER_STATUS_{}", fact(&status, "status")), from.as_str_name());
                    before
                };
                assert_eq!(get(&admin, &expected.id).await.unwrap(), expected, "{number}");
            }
        }
        assert_eq!(admin.get_lead(&lead.id).await.unwrap(), lead);
    }

    async fn the_history_says_what_each_order_was_and_is(t: TestServer) {
        let ana = t.agent("ana").await;
        let lead = t.lead_of("Ana's", &ana).await;
        let stored = made(&ana, order(&lead, "N-7", OrderStatus::Partial)).await;
        let created = vec![change("order.N-7", None, "PARTIAL 12.5 EUR")];
        assert_eq!(last_entry(&t, &lead).await, (LeadHistoryKind::OrderCreated, ana.id.clone(), created));

        move_to(&t.admin(), &stored.id, OrderStatus::Completed).await.unwrap();
        let updated = vec![change("order.N-7", Some("PARTIAL 12.5 EUR"), "COMPLETED 12.5 EUR")];
        assert_eq!(last_entry(&t, &lead).await, (LeadHistoryKind::OrderUpdated, t.admin().id, updated));

        let before = t.admin().history(&lead.id).await.unwrap();
        move_to(&ana, &stored.id, OrderStatus::Completed).await.unwrap();
        refused(move_to(&ana, &stored.id, OrderStatus::Partial).await, ErrorReason::OrderStatus);
        refused(create(&ana, order(&lead, "N-7", OrderStatus::Partial)).await, ErrorReason::DuplicateResource);
        assert_eq!(t.admin().history(&lead.id).await.unwrap(), before, "what changed nothing is not recorded");
    }

    async fn a_stale_etag_is_told_before_the_status(t: TestServer) {
        let (admin, lead) = (t.admin(), t.lead("Ana").await);
        let stale = made(&admin, order(&lead, "N-7", OrderStatus::Partial)).await;
        let current = move_to(&admin, &stale.id, OrderStatus::Completed).await.unwrap().order.unwrap();
        for to in STATUSES {
            let status = refused(move_if(&admin, &stale.id, to, &stale.etag).await, ErrorReason::StaleEtag);
            assert_eq!(fact(&status, "current_etag"), current.etag);
        }
        assert_eq!(get(&admin, &stale.id).await.unwrap(), current);
        move_if(&admin, &stale.id, OrderStatus::Refunded, &current.etag).await.unwrap();
    }

    async fn of_two_changes_of_one_etag_at_once_one_is_made(t: TestServer) {
        let (admin, lead) = (t.admin(), t.lead("Ana").await);
        for number in ["1", "2", "3", "4"] {
            let before = made(&admin, order(&lead, number, OrderStatus::Partial)).await;
            let (one, other) = tokio::join!(
                move_if(&admin, &before.id, OrderStatus::Completed, &before.etag),
                move_if(&admin, &before.id, OrderStatus::Cancelled, &before.etag),
            );
            let (won, lost) = match (one, other) {
                (Ok(won), Err(lost)) | (Err(lost), Ok(won)) => (won.order.unwrap(), lost),
                both => panic!("one of {both:?}"),
            };
            assert_eq!(fact(&refused(Err::<(), _>(lost), ErrorReason::StaleEtag), "current_etag"), won.etag);
            assert_eq!(get(&admin, &before.id).await.unwrap(), won);
        }
    }

    async fn a_number_is_one_order_of_a_lead(t: TestServer) {
        let (admin, lead, other) = (t.admin(), t.lead("Ana").await, t.lead("Eva").await);
        let first = made(&admin, order(&lead, "N-7", OrderStatus::Partial)).await;
        for number in ["N-7", " N-7"] {
            let again = create(&admin, order(&lead, number, OrderStatus::Completed)).await;
            assert_eq!(fact(&refused(again, ErrorReason::DuplicateResource), "field"), "number");
        }
        let elsewhere = made(&admin, order(&other, "N-7", OrderStatus::Partial)).await;
        let lower = made(&admin, order(&lead, "n-7", OrderStatus::Partial)).await;
        assert_eq!(all(&admin).await, [lower, elsewhere, first]);
    }

    async fn of_two_orders_of_one_number_at_once_one_is_recorded(t: TestServer) {
        let (admin, lead) = (t.admin(), t.lead("Ana").await);
        for number in ["1", "2", "3", "4"] {
            let answers = tokio::join!(
                create(&admin, order(&lead, number, OrderStatus::Partial)),
                create(&admin, order(&lead, number, OrderStatus::Completed)),
            );
            let (recorded, lost) = match answers {
                (Ok(recorded), Err(lost)) | (Err(lost), Ok(recorded)) => (recorded.order.unwrap(), lost),
                both => panic!("one of {both:?}"),
            };
            assert_eq!(reason(&lost), "DUPLICATE_RESOURCE");
            assert_eq!(all(&admin).await[0], recorded);
        }
        assert_eq!(all(&admin).await.len(), 4);
    }

    async fn an_amount_comes_back_to_the_billionth(t: TestServer) {
        let (admin, lead) = (t.admin(), t.lead("Ana").await);
        let amounts = [
            (money("EUR", 0, 0), "0 EUR"),
            (money("USD", 0, 1), "0.000000001 USD"),
            (money("JPY", 1_234_567, 0), "1234567 JPY"),
            (money("KWD", 3, 5_000_000), "3.005 KWD"),
            (money("CHF", 9_007_199_254_740_993, 100_000_000), "9007199254740993.1 CHF"),
            (money("IRR", i64::MAX, 999_999_999), "9223372036854775807.999999999 IRR"),
        ];
        for (amount, told) in amounts {
            let amount = Some(amount);
            let given = Order { amount: amount.clone(), ..order(&lead, told, OrderStatus::Partial) };
            let stored = made(&admin, given).await;
            assert_eq!(stored.amount, amount);
            assert_eq!(get(&admin, &stored.id).await.unwrap().amount, amount);
            assert_eq!(all(&admin).await[0].amount, amount);
            let told = change(&format!("order.{told}"), None, &format!("PARTIAL {told}"));
            assert_eq!(last_entry(&t, &lead).await.2, [told]);
        }
    }

    async fn every_fault_of_an_order_is_named_at_once(t: TestServer) {
        let (admin, lead) = (t.admin(), t.lead("Ana").await);
        let bad = Order {
            lead_id: "x".to_owned(),
            number: "x".repeat(65),
            status: 99,
            amount: Some(money("eur", 1, -1)),
            place_time: Some(Timestamp { seconds: 0, nanos: -1 }),
            items: "x".repeat(1001),
            ..Order::default()
        };
        let good = || order(&lead, "N-7", OrderStatus::Partial);
        let number = |number: &str| Order { number: number.to_owned(), ..good() };
        let amount = |amount: Money| Order { amount: Some(amount), ..good() };
        let table: [(Order, &[&str]); 13] = [
            (Order::default(), &["order.amount", "order.lead_id", "order.number", "order.status"]),
            (
                bad,
                &[
                    "order.amount.currency_code",
                    "order.amount.nanos",
                    "order.items",
                    "order.lead_id",
                    "order.number",
                    "order.place_time",
                    "order.status",
                ],
            ),
            (Order { status: 0, ..good() }, &["order.status"]),
            (number(" "), &["order.number"]),
            (number("a\nb"), &["order.number"]),
            (Order { items: "a\0b".to_owned(), ..good() }, &["order.items"]),
            (amount(money("", 1, 0)), &["order.amount.currency_code"]),
            (amount(money("XXX", 1, 0)), &["order.amount.currency_code"]),
            (amount(money("EURO", 1, 0)), &["order.amount.currency_code"]),
            (amount(money("EUR", 1, 1_000_000_000)), &["order.amount.nanos"]),
            (amount(money("EUR", -1, 1)), &["order.amount.nanos"]),
            (amount(money("EUR", -1, 0)), &["order.amount"]),
            (amount(money("EUR", 0, -1)), &["order.amount"]),
        ];
        for (order, expected) in table {
            let status = refused(create(&admin, order.clone()).await, ErrorReason::InvalidArgument);
            assert_eq!(faults(&status), expected, "{order:?}");
        }
        assert!(all(&admin).await.is_empty());

        for (order_id, status) in [("", 0), ("x", 99)] {
            let request = UpdateOrderStatusRequest { order_id: order_id.to_owned(), status, ..Default::default() };
            let status = refused(admin.orders().update_order_status(request).await, ErrorReason::InvalidArgument);
            assert_eq!(faults(&status), ["order_id", "status"]);
        }
        for order_id in ["", "x"] {
            let status = refused(get(&admin, order_id).await, ErrorReason::InvalidArgument);
            assert_eq!(faults(&status), ["order_id"]);
        }
        let request = ListOrdersRequest {
            lead_ids: vec![lead.id.clone(), "x".to_owned()],
            statuses: vec![1, 0, 99],
            page_size: -1,
            ..ListOrdersRequest::default()
        };
        let status = refused(admin.orders().list_orders(request).await, ErrorReason::InvalidArgument);
        assert_eq!(faults(&status), ["lead_ids[1]", "page_size", "statuses[1]", "statuses[2]"]);
        let request = ListOrdersRequest { lead_ids: vec![lead.id.clone(); 1001], ..ListOrdersRequest::default() };
        let status = refused(admin.orders().list_orders(request).await, ErrorReason::InvalidArgument);
        assert_eq!(faults(&status), ["lead_ids"]);
    }

    async fn the_orders_of_a_deleted_lead_are_gone_with_it(t: TestServer) {
        let (admin, lead, other) = (t.admin(), t.lead("Ana").await, t.lead("Eva").await);
        let items = "an heirloom sundial".to_owned();
        let gone = made(&admin, Order { items, ..order(&lead, "N-7731", OrderStatus::Partial) }).await;
        let kept = made(&admin, order(&other, "N-1", OrderStatus::Partial)).await;
        let says = |rows: &[String], text: &str| rows.iter().filter(|row| row.contains(text)).count();
        let before = database_rows(t.database_url()).await;
        assert!(says(&before, "N-7731") >= 2 && says(&before, "sundial") == 1, "in the order and in the history");

        admin.delete(&lead.id).await.unwrap();
        let after = database_rows(t.database_url()).await;
        assert_eq!((says(&after, "N-7731"), says(&after, "sundial")), (0, 0));
        refused(get(&admin, &gone.id).await, ErrorReason::ResourceNotFound);
        refused(move_to(&admin, &gone.id, OrderStatus::Cancelled).await, ErrorReason::ResourceNotFound);
        refused(create(&admin, order(&lead, "N-2", OrderStatus::Partial)).await, ErrorReason::LeadNotFound);
        assert_eq!(all(&admin).await, [kept]);
    }
}
