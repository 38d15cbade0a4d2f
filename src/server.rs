//! The composition root: what is opened, in which order the layers stand, and how it ends.

use std::{future::Future, net::SocketAddr, time::Duration};

use anyhow::{Context, bail};
use tokio::net::TcpListener;
use tonic::{
    body::Body,
    codegen::http::{Request, header::AUTHORIZATION},
    server::NamedService,
    transport::server::TcpIncoming,
};
use tonic_health::{ServingStatus, server::HealthReporter};
use tonic_web::GrpcWebLayer;
use tower::util::{MapRequestLayer, MapResponseLayer};
use tower_http::{
    auth::AsyncRequireAuthorizationLayer,
    catch_panic::CatchPanicLayer,
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, RequestId, SetRequestIdLayer},
    sensitive_headers::SetSensitiveRequestHeadersLayer,
    trace::TraceLayer,
};

use crate::{
    access::{Engine, Resolver, authn::Authenticate, token::ApiSecret},
    domain::{bootstrap, housekeeping},
    proto::{
        FILE_DESCRIPTOR_SET, assignment_service_server::AssignmentServiceServer,
        directory_service_server::DirectoryServiceServer, lead_service_server::LeadServiceServer,
        order_service_server::OrderServiceServer, permission_service_server::PermissionServiceServer,
        report_service_server::ReportServiceServer,
    },
    query::page_token::PageTokens,
    rpc::{
        Api,
        feed::Feed,
        lull::Calls,
        request_id::{self, KeepRequestId, REQUEST_ID},
        status,
    },
    store::{Store, secrets},
};

/// How long calls may go on after the server was told to stop.
const DRAIN: Duration = Duration::from_secs(10);
/// The largest request that is taken.
const LARGEST_REQUEST: usize = 4 * 1024 * 1024;
/// The largest answer that is sent: 1,000 of the largest leads, asked for by ID. Pages are cut long before.
const LARGEST_ANSWER: usize = 32 * 1024 * 1024;

/// Services have no trait for their limits.
macro_rules! limited {
    ($service:expr) => {
        $service.max_decoding_message_size(LARGEST_REQUEST).max_encoding_message_size(LARGEST_ANSWER)
    };
}

/// Where a server listens, and over which database.
#[derive(Clone, Debug)]
pub struct ServeConfig {
    /// The address; port 0 picks one.
    pub listen: SocketAddr,
    /// `sqlite:PATH` or `postgres://...`.
    pub database_url: String,
    /// Serve the demo's company, which has a database of its own.
    pub demo: bool,
}

/// A server that is bound and ready to serve.
#[derive(Debug)]
pub struct Server {
    store: Store,
    listener: TcpListener,
    address: SocketAddr,
    page_tokens: PageTokens,
    first_token: Option<ApiSecret>,
    engine: Engine,
}

impl Server {
    /// Opens and migrates the database, fills it if it is new, and binds the address.
    ///
    /// # Errors
    /// Where the database can't be reached or was made by a newer version, or the address is taken.
    pub async fn start(config: ServeConfig) -> anyhow::Result<Self> {
        // The address first: a database's first start shows a token, once, and must not end in a port that is taken.
        let listener = TcpListener::bind(config.listen).await;
        let listener = listener.with_context(|| format!("can't listen on {}", config.listen))?;
        let store = Store::open(&config.database_url).await.context("can't open the database")?;
        store.schema().await.context("can't read the database's schema")?.known()?;
        store.migrate().await.context("can't migrate the database")?;
        let first_token = bootstrap::first_start(&store, config.demo).await.context("can't fill the new database")?;
        if config.demo && !bootstrap::is_demo(&store).await? {
            bail!("this database belongs to another company; the demo makes one of its own");
        }
        let mut fresh = [0; 32];
        getrandom::fill(&mut fresh).map_err(|error| anyhow::anyhow!("no randomness for a key: {error}"))?;
        let page_tokens = PageTokens::new(&secrets::key(&store, "page tokens", fresh).await?);
        Ok(Self {
            address: listener.local_addr()?,
            store,
            listener,
            page_tokens,
            first_token,
            engine: Engine::default(),
        })
    }

    /// The same with parts of its access engine switched off.
    #[cfg(feature = "switches")]
    pub fn with_engine(self, engine: Engine) -> Self {
        Self { engine, ..self }
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The administrator's token, if this was the database's first start.
    pub fn first_token(&self) -> Option<&str> {
        self.first_token.as_ref().map(ApiSecret::expose)
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
        let Self { store, listener, address: _, page_tokens, first_token: _, engine } = self;
        let (stopping, stopped) = tokio::sync::oneshot::channel();
        let (health_reporter, health) = tonic_health::server::health_reporter();
        set_health(&health_reporter, ServingStatus::Serving).await;
        let resolver = Resolver::new(store.clone(), engine);
        let (feed, feeding) = Feed::new(store.clone());
        let calls = Calls::default();
        let api = Api::new(store.clone(), resolver.clone(), page_tokens, feed, calls.clone());
        let begins = move |request: Request<Body>| {
            calls.begins();
            request
        };
        let listening = tokio::spawn(resolver.clone().listen());
        let keeping = tokio::spawn(housekeeping::run(store.clone()));
        let feeding = tokio::spawn(feeding);
        let watches = feeding.abort_handle();

        let server = tonic::transport::Server::builder()
            // gRPC-Web comes over HTTP/1.1 too.
            .accept_http1(true)
            .http2_keepalive_interval(Some(Duration::from_secs(30)))
            .layer(SetSensitiveRequestHeadersLayer::new([AUTHORIZATION]))
            .layer(MapRequestLayer::new(begins))
            .layer(MapRequestLayer::new(request_id::drop_odd))
            .layer(SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid))
            .layer(TraceLayer::new_for_grpc().make_span_with(span).on_failure(()))
            .layer(PropagateRequestIdLayer::new(REQUEST_ID))
            .layer(KeepRequestId)
            .layer(GrpcWebLayer::new())
            .layer(CatchPanicLayer::custom(status::of_panic))
            .layer(MapResponseLayer::new(status::rescue))
            .layer(AsyncRequireAuthorizationLayer::new(Authenticate::new(resolver)))
            .add_service(health)
            .add_service(reflection_v1()?)
            .add_service(reflection_v1alpha()?)
            .add_service(limited!(LeadServiceServer::new(api.clone())))
            .add_service(limited!(PermissionServiceServer::new(api.clone())))
            .add_service(limited!(AssignmentServiceServer::new(api.clone())))
            .add_service(limited!(DirectoryServiceServer::new(api.clone())))
            .add_service(limited!(OrderServiceServer::new(api.clone())))
            .add_service(limited!(ReportServiceServer::new(api)))
            .serve_with_incoming_shutdown(TcpIncoming::from(listener).with_nodelay(Some(true)), async move {
                stop.await;
                set_health(&health_reporter, ServingStatus::NotServing).await;
                // A watch never ends by itself.
                watches.abort();
                // Nobody waits for this where the server has ended by itself.
                let _ = stopping.send(());
            });

        tokio::select! {
            ended = server => ended?,
            () = async { match stopped.await { Ok(()) => tokio::time::sleep(DRAIN).await, Err(_) => std::future::pending().await } } => {
                tracing::warn!("calls were cut off, {} seconds after the server was told to stop", DRAIN.as_secs());
            }
        }
        for task in [listening, keeping, feeding] {
            task.abort();
        }
        // A write that waits for a lock, or a network that is gone, must not keep the server from ending.
        if tokio::time::timeout(DRAIN, store.close()).await.is_err() {
            tracing::warn!("the database's connections were not closed in time");
        }
        Ok(())
    }
}

/// Of the server as a whole, and of each service by its name.
async fn set_health(reporter: &HealthReporter, status: ServingStatus) {
    for service in [
        "",
        LeadServiceServer::<Api>::NAME,
        PermissionServiceServer::<Api>::NAME,
        AssignmentServiceServer::<Api>::NAME,
        DirectoryServiceServer::<Api>::NAME,
        OrderServiceServer::<Api>::NAME,
        ReportServiceServer::<Api>::NAME,
    ] {
        reporter.set_service_status(service, status).await;
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
