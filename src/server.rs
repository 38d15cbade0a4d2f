//! The composition root: what is opened, in which order the layers stand, and how it ends.

use std::{future::Future, net::SocketAddr, time::Duration};

use anyhow::{Context, bail};
use tokio::net::TcpListener;
use tonic::{
    codegen::http::{HeaderName, Request, header::AUTHORIZATION},
    transport::server::TcpIncoming,
};
use tonic_web::GrpcWebLayer;
use tower_http::{
    auth::AsyncRequireAuthorizationLayer,
    catch_panic::CatchPanicLayer,
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, RequestId, SetRequestIdLayer},
    sensitive_headers::SetSensitiveRequestHeadersLayer,
    trace::TraceLayer,
};

use crate::{
    access::authn::Authenticate,
    domain::bootstrap,
    proto::{
        FILE_DESCRIPTOR_SET, assignment_service_server::AssignmentServiceServer,
        directory_service_server::DirectoryServiceServer, lead_service_server::LeadServiceServer,
        permission_service_server::PermissionServiceServer,
    },
    query::page_token::PageTokens,
    rpc::{Api, request_id::KeepRequestId, status},
    store::{Store, secrets},
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// How long calls may go on after the server was told to stop.
const DRAIN: Duration = Duration::from_secs(10);
/// The largest message that is taken and sent.
const LARGEST_MESSAGE: usize = 4 * 1024 * 1024;

/// Where a server listens, and over which database.
#[derive(Clone, Debug)]
pub struct ServeConfig {
    /// The address; port 0 picks one.
    pub listen: SocketAddr,
    /// `sqlite:PATH` or `postgres://...`.
    pub database_url: String,
}

/// A server that is bound and ready to serve.
#[derive(Debug)]
pub struct Server {
    store: Store,
    listener: TcpListener,
    address: SocketAddr,
    page_tokens: PageTokens,
    first_token: Option<String>,
}

impl Server {
    /// Opens and migrates the database, fills it if it is new, and binds the address.
    ///
    /// # Errors
    /// Where the database can't be reached or was made by a newer version, or the address is taken.
    pub async fn start(config: ServeConfig) -> anyhow::Result<Self> {
        let store = Store::open(&config.database_url).await.context("can't open the database")?;
        let schema = store.schema().await.context("can't read the database's schema")?;
        if !schema.unknown.is_empty() {
            bail!("a newer version made this database: {} is unknown here", schema.unknown.join(", "));
        }
        store.migrate().await.context("can't migrate the database")?;
        let first_token = bootstrap::first_start(&store).await.context("can't fill the new database")?;
        let mut fresh = [0; 32];
        getrandom::fill(&mut fresh).map_err(|error| anyhow::anyhow!("no randomness for a key: {error}"))?;
        let page_tokens = PageTokens::new(&secrets::key(&store, "page tokens", fresh).await?);
        let listener = TcpListener::bind(config.listen).await;
        let listener = listener.with_context(|| format!("can't listen on {}", config.listen))?;
        Ok(Self {
            address: listener.local_addr()?,
            store,
            listener,
            page_tokens,
            first_token: first_token.map(|secret| secret.expose().to_owned()),
        })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The administrator's token, if this was the database's first start.
    pub fn first_token(&self) -> Option<&str> {
        self.first_token.as_deref()
    }

    /// The database.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Serves until `stop` comes true, then lets what is under way end, for ten seconds at most.
    ///
    /// # Errors
    /// Where the connection to the network is lost.
    pub async fn run(self, stop: impl Future<Output = ()> + Send + 'static) -> anyhow::Result<()> {
        let Self { store, listener, address: _, page_tokens, first_token: _ } = self;
        let (stopping, stopped) = tokio::sync::oneshot::channel();
        let (health_reporter, health) = tonic_health::server::health_reporter();
        let api = Api::new(store.clone(), page_tokens);
        let sized = LARGEST_MESSAGE;

        let server = tonic::transport::Server::builder()
            // gRPC-Web comes over HTTP/1.1 too.
            .accept_http1(true)
            .http2_keepalive_interval(Some(Duration::from_secs(30)))
            .layer(SetSensitiveRequestHeadersLayer::new([AUTHORIZATION]))
            .layer(SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid))
            .layer(TraceLayer::new_for_grpc().make_span_with(span).on_failure(()))
            .layer(PropagateRequestIdLayer::new(REQUEST_ID))
            .layer(KeepRequestId)
            .layer(GrpcWebLayer::new())
            .layer(CatchPanicLayer::custom(status::of_panic))
            .layer(AsyncRequireAuthorizationLayer::new(Authenticate::new(store.clone())))
            .add_service(health)
            .add_service(reflection_v1()?)
            .add_service(reflection_v1alpha()?)
            .add_service(
                LeadServiceServer::new(api.clone())
                    .max_decoding_message_size(sized)
                    .max_encoding_message_size(4 * sized),
            )
            .add_service(PermissionServiceServer::new(api.clone()).max_decoding_message_size(sized))
            .add_service(AssignmentServiceServer::new(api.clone()).max_decoding_message_size(sized))
            .add_service(DirectoryServiceServer::new(api).max_decoding_message_size(sized))
            .serve_with_incoming_shutdown(TcpIncoming::from(listener).with_nodelay(Some(true)), async move {
                stop.await;
                health_reporter.set_service_status("", tonic_health::ServingStatus::NotServing).await;
                // Nobody waits for this where the server has ended by itself.
                let _ = stopping.send(());
            });

        tokio::select! {
            ended = server => ended?,
            () = async { match stopped.await { Ok(()) => tokio::time::sleep(DRAIN).await, Err(_) => std::future::pending().await } } => {
                tracing::warn!("calls were cut off, {} seconds after the server was told to stop", DRAIN.as_secs());
            }
        }
        store.close().await;
        Ok(())
    }
}

/// Every line that a call logs carries its request ID.
fn span<B>(request: &Request<B>) -> tracing::Span {
    let id = request.extensions().get::<RequestId>().and_then(|id| id.header_value().to_str().ok()).unwrap_or_default();
    tracing::info_span!("call", path = request.uri().path(), request_id = id)
}

fn descriptors() -> tonic_reflection::server::Builder<'static> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
}

fn reflection_v1() -> anyhow::Result<
    tonic_reflection::server::v1::ServerReflectionServer<impl tonic_reflection::server::v1::ServerReflection>,
> {
    Ok(descriptors().build_v1()?)
}

fn reflection_v1alpha() -> anyhow::Result<
    tonic_reflection::server::v1alpha::ServerReflectionServer<impl tonic_reflection::server::v1alpha::ServerReflection>,
> {
    Ok(descriptors().build_v1alpha()?)
}
