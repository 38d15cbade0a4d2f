//! Somebody who lists leads.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use leadward::proto::{
    CountLeadsRequest, GetLeadRequest, ListLeadsRequest, ListLeadsResponse, lead_service_client::LeadServiceClient,
};
use prost_types::FieldMask;
use tonic::{
    Code, Request,
    transport::{Channel, Endpoint},
};

/// How many leads a page has that is measured.
pub const PAGE: usize = 50;
const DEEP_PAGE: usize = 10_000;
/// How many leads a page has on the way there.
const STRIDE: usize = 1_000;
const LONGEST_WALK: Duration = Duration::from_secs(60);

/// What is asked.
pub struct Question {
    pub order_by: &'static str,
    pub filter: &'static str,
    pub filter_name: &'static str,
}

/// A page of an answer, and the token that asks for it.
pub struct Place {
    pub page: usize,
    pub token: String,
}

pub struct Reader {
    pub reach: &'static str,
    token: String,
    leads: LeadServiceClient<Channel>,
    observed: Option<LeadServiceClient<Channel>>,
}

impl Reader {
    pub fn new(reach: &'static str, token: &str, served: SocketAddr, observed: Option<SocketAddr>) -> Self {
        let client = |addr: SocketAddr| {
            let channel = Endpoint::from_shared(format!("http://{addr}")).unwrap().connect_lazy();
            LeadServiceClient::new(channel)
        };
        Self { reach, token: token.to_owned(), leads: client(served), observed: observed.map(client) }
    }

    /// The leads of a page.
    pub async fn page(&self, question: &Question, place: &Place) -> usize {
        let request = asked(question, PAGE, &place.token);
        self.list(&self.leads, request).await.leads.len()
    }

    /// The same by the server whose statements are told of, if there is one.
    pub async fn observed_page(&self, question: &Question, place: &Place) {
        if let Some(observed) = &self.observed {
            self.list(observed, asked(question, PAGE, &place.token)).await;
        }
    }

    pub fn is_observed(&self) -> bool {
        self.observed.is_some()
    }

    /// Looks for a lead, which may be hidden.
    pub async fn get(&self, id: &str) {
        let request = self.request(GetLeadRequest { lead_id: id.to_owned() });
        if let Err(status) = self.leads.clone().get_lead(request).await {
            assert_eq!(status.code(), Code::NotFound, "{status}");
        }
    }

    /// Some of the newest leads.
    pub async fn ids(&self) -> Vec<String> {
        let request = ListLeadsRequest { page_size: PAGE as i32, ..ListLeadsRequest::default() };
        self.list(&self.leads, request).await.leads.into_iter().map(|lead| lead.id).collect()
    }

    /// How many leads there are, and whether there are more.
    pub async fn count(&self) -> (i64, bool) {
        let request = CountLeadsRequest { max_count: 1_000_000, ..CountLeadsRequest::default() };
        let counted = self.leads.clone().count_leads(self.request(request)).await.unwrap().into_inner();
        (counted.count, counted.capped)
    }

    /// Page 10,000, or else the last full page that there is or that a walk comes to; none where that is the first.
    pub async fn deep(&self, question: &Question) -> Option<Place> {
        let started = Instant::now();
        let wanted = (DEEP_PAGE - 1) * PAGE;
        let (mut passed, mut token) = (0, String::new());
        let mut before = (passed, token.clone());
        while passed < wanted && started.elapsed() < LONGEST_WALK {
            let size = STRIDE.min(wanted - passed);
            let Some(next) = self.step(question, size, &token).await else {
                return self.last_full_page(question, before.0, before.1).await;
            };
            before = (passed, token);
            (passed, token) = (passed + size, next);
        }
        Some(Place { page: passed / PAGE + 1, token })
    }

    /// A page is full where another comes after it.
    async fn last_full_page(&self, question: &Question, passed: usize, mut token: String) -> Option<Place> {
        let mut last = None;
        let mut page = passed / PAGE + 1;
        while let Some(next) = self.step(question, PAGE, &token).await {
            last = Some(Place { page, token });
            (page, token) = (page + 1, next);
        }
        last.filter(|place| place.page > 1)
    }

    /// The token of the page after; none where there is none.
    async fn step(&self, question: &Question, size: usize, token: &str) -> Option<String> {
        let ids = FieldMask { paths: vec!["id".to_owned()] };
        let request = ListLeadsRequest { read_mask: Some(ids), ..asked(question, size, token) };
        let answer = self.list(&self.leads, request).await;
        (!answer.next_page_token.is_empty()).then(|| {
            assert_eq!(answer.leads.len(), size, "a page before the last is full");
            answer.next_page_token
        })
    }

    async fn list(&self, client: &LeadServiceClient<Channel>, request: ListLeadsRequest) -> ListLeadsResponse {
        let text = format!("{} lists by `{}` where {}", self.reach, request.order_by, request.filter);
        match client.clone().list_leads(self.request(request)).await {
            Ok(answer) => answer.into_inner(),
            Err(status) => panic!("{text}: {status}"),
        }
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", format!("Bearer {}", self.token).parse().unwrap());
        request
    }
}

fn asked(question: &Question, size: usize, token: &str) -> ListLeadsRequest {
    ListLeadsRequest {
        order_by: question.order_by.to_owned(),
        filter: question.filter.to_owned(),
        page_size: size as i32,
        page_token: token.to_owned(),
        ..ListLeadsRequest::default()
    }
}
