//! The server that a command works through.

use std::{error::Error, fs, future::pending, time::Duration};

use anyhow::{Context, anyhow};
use secrecy::{ExposeSecret, SecretString};
use tokio::signal::unix::{SignalKind, signal};
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, ClientTlsConfig, Endpoint},
};

/// What an answer may hold at most; a thousand leads can be larger than the 4 MiB that clients take by themselves.
pub(super) const LARGEST_ANSWER: usize = 64 << 20;

/// Which server, and as whom.
#[derive(Debug, clap::Args)]
pub(super) struct Remote {
    /// The server to work through
    #[arg(long, env = "LEADWARD_SERVER", default_value = "http://127.0.0.1:50051", value_name = "URL")]
    server: String,

    /// An API token of a user who may do this there
    #[arg(long, env = "LEADWARD_TOKEN", hide_env_values = true)]
    token: SecretString,
}

/// A connection that sends the token with every call.
pub(super) type Connection = InterceptedService<Channel, Bearer>;

/// The token as it is sent.
#[derive(Clone)]
pub(super) struct Bearer(MetadataValue<Ascii>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

impl Remote {
    /// Reaches the server.
    pub(super) async fn connect(&self) -> anyhow::Result<Connection> {
        let url = if self.server.contains("://") { self.server.clone() } else { format!("http://{}", self.server) };
        let mut endpoint =
            Endpoint::from_shared(url.clone()).with_context(|| format!("{url} is not the URL of a server"))?;
        if url.starts_with("https://") {
            endpoint = endpoint.tls_config(ClientTlsConfig::new().with_enabled_roots())?;
        }
        let bearer = format!("Bearer {}", self.token.expose_secret().trim());
        let mut bearer =
            bearer.parse::<MetadataValue<Ascii>>().context("the token holds characters that no token has")?;
        bearer.set_sensitive(true);
        let channel = endpoint
            .connect_timeout(Duration::from_secs(10))
            // A server that is gone without a word would leave the command waiting for ever.
            .http2_keep_alive_interval(Duration::from_secs(30))
            .keep_alive_timeout(Duration::from_secs(20))
            .connect()
            .await
            .with_context(|| format!("can't reach a server at {url}"))?;
        Ok(InterceptedService::new(channel, Bearer(bearer)))
    }
}

/// A refusal as told to the person who gave the command.
pub(super) fn failed(status: &Status) -> anyhow::Error {
    match status.source() {
        Some(_) => anyhow!("no answer: {}", status.message()),
        None => anyhow!("the server answered {:?}: {}", status.code(), status.message()),
    }
}

/// Works until it is done, or somebody presses Ctrl-C, ends it or closes its terminal, so that files under way are put in
/// order in any case.
pub(super) async fn unless_interrupted<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    // What nohup has started outlives its terminal.
    let mut hangup = if hangups_are_ignored() { None } else { Some(signal(SignalKind::hangup())?) };
    let hung_up = async {
        match &mut hangup {
            Some(hangup) => hangup.recv().await,
            None => pending().await,
        }
    };
    tokio::select! {
        result = work => return result,
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hung_up => {}
    }
    Err(anyhow!("interrupted"))
}

/// As the kernel says, where it does: a mask of signals, of which the first is the hangup.
fn hangups_are_ignored() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}
