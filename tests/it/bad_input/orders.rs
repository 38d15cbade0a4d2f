use leadward::proto::{
    CreateOrderRequest, GetOrderRequest, ListOrdersRequest, Order, OrderStatus, UpdateOrderStatusRequest,
};

use super::{Table, UNKNOWN, bad, leads::NEVER, long, x};
use crate::support::{Caller, euros};

pub async fn ask(admin: &Caller, table: &mut Table) {
    let mut client = admin.orders();
    bad!(
        table,
        client,
        create_order,
        CreateOrderRequest::default(),
        ["order.lead_id", "order.number", "order.status", "order.amount"]
    );
    let mut amount = euros(1, -1);
    amount.currency_code = "XXX".to_owned();
    let order = Order {
        lead_id: x(),
        number: long(65),
        status: UNKNOWN,
        amount: Some(amount),
        place_time: Some(NEVER),
        items: long(1001),
        ..Order::default()
    };
    bad!(
        table,
        client,
        create_order,
        CreateOrderRequest { order: Some(order), request_id: x() },
        [
            "order.lead_id",
            "order.number",
            "order.status",
            "order.amount.currency_code",
            "order.amount.nanos",
            "order.place_time",
            "order.items",
            "request_id",
        ]
    );
    for amount in [euros(-1, 0), euros(0, -1)] {
        let status = OrderStatus::Partial.into();
        let order = Order { lead_id: x(), number: x(), status, amount: Some(amount), ..Order::default() };
        let request = CreateOrderRequest { order: Some(order), ..Default::default() };
        bad!(table, client, create_order, request, ["order.lead_id", "order.amount"]);
    }

    bad!(table, client, get_order, GetOrderRequest::default(), ["order_id"]);
    bad!(table, client, get_order, GetOrderRequest { order_id: x() }, ["order_id"]);
    bad!(table, client, update_order_status, UpdateOrderStatusRequest::default(), ["order_id", "status"]);
    let request = UpdateOrderStatusRequest { order_id: x(), status: UNKNOWN, etag: x(), request_id: x() };
    bad!(table, client, update_order_status, request, ["order_id", "status", "request_id"]);
    let (lead_ids, statuses) = (vec![x()], vec![1, 0, UNKNOWN]);
    let request = ListOrdersRequest { lead_ids, statuses, page_size: -1, ..Default::default() };
    bad!(table, client, list_orders, request, ["lead_ids[0]", "statuses[1]", "statuses[2]", "page_size"]);
    let request = ListOrdersRequest { lead_ids: vec![x(); 1001], ..Default::default() };
    bad!(table, client, list_orders, request, ["lead_ids"]);
}
