//! The leads as they come, whatever happens to the connection.

use indicatif::ProgressBar;
use prost_types::FieldMask;
use tonic::{Status, Streaming};

use super::sheet::Field;
use crate::{
    cli::{
        remote::{Connection, LARGEST_ANSWER},
        resumed::{Parts, Resumed},
    },
    proto::{ExportLeadsRequest, ExportLeadsResponse, Lead, LeadState, lead_service_client::LeadServiceClient},
};

/// An export that goes on where it broke off.
pub(super) struct Source<'a>(Resumed<'a, Export>);

struct Export {
    client: LeadServiceClient<Connection>,
    request: ExportLeadsRequest,
}

impl Parts for Export {
    const NAME: &'static str = "export";
    type Part = ExportLeadsResponse;

    async fn ask(&mut self, cursor: &str) -> Result<Streaming<ExportLeadsResponse>, Status> {
        let request = ExportLeadsRequest { cursor: cursor.to_owned(), ..self.request.clone() };
        Ok(self.client.export_leads(request).await?.into_inner())
    }

    fn cursor(part: &ExportLeadsResponse) -> &str {
        &part.cursor
    }
}

impl<'a> Source<'a> {
    pub(super) fn new(connection: &Connection, states: Vec<LeadState>, fields: &[Field], bar: &'a ProgressBar) -> Self {
        let client = LeadServiceClient::new(connection.clone()).max_decoding_message_size(LARGEST_ANSWER);
        let request = ExportLeadsRequest {
            states: states.into_iter().map(i32::from).collect(),
            read_mask: Some(FieldMask { paths: fields.iter().map(|field| field.path()).collect() }),
            ..ExportLeadsRequest::default()
        };
        Self(Resumed::new(Export { client, request }, bar))
    }

    /// The next leads; none at the end.
    pub(super) async fn next(&mut self) -> anyhow::Result<Option<Vec<Lead>>> {
        Ok(self.0.next().await?.map(|part| part.leads))
    }
}
