//! OrderService.

use tonic::{Request, Response, Status};

use super::{
    Api, answer_fenced,
    convert::{self, Faults, etag},
};
use crate::{
    access::Caller,
    domain::{Result, orders},
    model::permission::OrderVisibility,
    proto::{self, order_service_server::OrderService},
};

#[tonic::async_trait]
impl OrderService for Api {
    async fn create_order(
        &self,
        request: Request<proto::CreateOrderRequest>,
    ) -> Result<Response<proto::CreateOrderResponse>, Status> {
        answer_fenced!(self, request, create)
    }

    async fn get_order(
        &self,
        request: Request<proto::GetOrderRequest>,
    ) -> Result<Response<proto::GetOrderResponse>, Status> {
        answer_fenced!(self, request, get)
    }

    async fn update_order_status(
        &self,
        request: Request<proto::UpdateOrderStatusRequest>,
    ) -> Result<Response<proto::UpdateOrderStatusResponse>, Status> {
        answer_fenced!(self, request, update_status)
    }

    async fn list_orders(
        &self,
        request: Request<proto::ListOrdersRequest>,
    ) -> Result<Response<proto::ListOrdersResponse>, Status> {
        answer_fenced!(self, request, list)
    }
}

async fn create(
    api: &Api,
    caller: &Caller,
    mut request: proto::CreateOrderRequest,
) -> Result<proto::CreateOrderResponse> {
    let mut faults = Faults::default();
    let once = faults.once(&mut request);
    let new = faults.new_order(request.order.unwrap_or_default());
    let new = faults.unless(new)?;
    let answer = api
        .change(caller, once, new, |tx, args| async move {
            let (caller, new) = &*args;
            let done = orders::create(&tx, caller, new).await?;
            let order = done.order.map(convert::order);
            Ok(proto::CreateOrderResponse { order, lead_resolved: done.lead_resolved })
        })
        .await?;
    Ok(proto::CreateOrderResponse { order: seen(caller, answer.order), ..answer })
}

/// The answer of a repeated request may be one from when the caller saw more.
fn seen(caller: &Caller, order: Option<proto::Order>) -> Option<proto::Order> {
    let partial = |order: &proto::Order| order.status() == proto::OrderStatus::Partial;
    order.filter(|order| caller.order_visibility == OrderVisibility::All || partial(order))
}

async fn get(api: &Api, caller: &Caller, request: proto::GetOrderRequest) -> Result<proto::GetOrderResponse> {
    let mut faults = Faults::default();
    let id = faults.id("order_id", &request.order_id);
    let order = orders::get(&api.store, caller, faults.unless(id)?).await?;
    Ok(proto::GetOrderResponse { order: Some(convert::order(order)) })
}

async fn update_status(
    api: &Api,
    caller: &Caller,
    mut request: proto::UpdateOrderStatusRequest,
) -> Result<proto::UpdateOrderStatusResponse> {
    let mut faults = Faults::default();
    let once = faults.once(&mut request);
    let id = faults.id("order_id", &request.order_id);
    let status = faults.order_status("status", request.status);
    let (id, status) = faults.unless(id.zip(status))?;
    let answer = api
        .change(caller, once, etag(&request.etag), move |tx, args| async move {
            let (caller, etag) = &*args;
            let done = orders::update_status(&tx, caller, id, status, etag.as_deref()).await?;
            let order = done.order.map(convert::order);
            Ok(proto::UpdateOrderStatusResponse { order, lead_resolved: done.lead_resolved })
        })
        .await?;
    Ok(proto::UpdateOrderStatusResponse { order: seen(caller, answer.order), ..answer })
}

async fn list(api: &Api, caller: &Caller, mut request: proto::ListOrdersRequest) -> Result<proto::ListOrdersResponse> {
    let mut faults = Faults::default();
    let filter = faults.order_filter(&request);
    let paging = faults.paging(&mut request);
    let filter = faults.unless(Some(filter))?;
    let (page, pages) = api.page(caller, &paging)?;
    let paged = orders::list(&api.store, caller, &filter, &page).await?;
    let (orders, next_page_token) = pages.fill(paged, |order| order.id.uuid(), convert::order)?;
    Ok(proto::ListOrdersResponse { orders, next_page_token })
}
