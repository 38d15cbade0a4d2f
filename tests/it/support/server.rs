use std::{
    net::SocketAddr,
    thread::{self, JoinHandle},
};

use leadward::{
    access::Engine,
    proto::{
        AddGroupMembersRequest, CreateApiTokenRequest, CreateGroupRequest, CreateProfileRequest, CreateUserRequest,
        DeactivateUserRequest, Group, Lead, ListProfilesRequest, Profile, UpdateUserRequest, User, WhoAmIRequest,
    },
    server::{ServeConfig, Server},
};
use tokio::sync::oneshot;

use super::{Caller, Database, Storage, client_row, named};

/// The service in this process, on a runtime of its own, so that dropping it stops it whatever the test's runtime does.
pub struct RunningServer {
    addr: SocketAddr,
    first_token: Option<String>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl RunningServer {
    pub async fn start(database_url: &str) -> Self {
        Self::start_with(database_url, Engine::default()).await
    }

    pub async fn start_with(database_url: &str, engine: Engine) -> Self {
        let database_url = database_url.to_owned();
        let (started, ready) = oneshot::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            runtime.block_on(async {
                let config = ServeConfig { listen: SocketAddr::from(([127, 0, 0, 1], 0)), database_url, demo: false };
                let server = Server::start(config).await.expect("the server starts").with_engine(engine);
                started.send((server.local_addr(), server.first_token().map(str::to_owned))).unwrap();
                let shutdown = async move {
                    stopped.await.ok();
                };
                server.run(shutdown).await.expect("the server runs until it is stopped");
            });
        });
        let (addr, first_token) = ready.await.expect("the server starts");
        Self { addr, first_token, stop: Some(stop), thread: Some(thread) }
    }

    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The administrator's token, where this was the database's first start.
    pub fn first_token(&self) -> Option<&str> {
        self.first_token.as_deref()
    }
}

impl Drop for RunningServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        let Some(thread) = self.thread.take() else { return };
        let stopped = thread.join().is_ok();
        assert!(stopped || thread::panicking(), "the server stops without a fault");
    }
}

/// A server with a fresh database and its first administrator.
pub struct TestServer {
    admin: Caller,
    server: RunningServer,
    storage: Storage,
}

impl TestServer {
    pub async fn start(database: Database) -> Self {
        let storage = Storage::migrated(database).await;
        let server = RunningServer::start(storage.url()).await;
        let token = server.first_token().expect("a first start makes an administrator").to_owned();
        let admin = Caller::at(server.addr(), &token).introduced().await;
        Self { admin, server, storage }
    }

    pub fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    pub fn database_url(&self) -> &str {
        self.storage.url()
    }

    /// The first administrator.
    pub fn admin(&self) -> Caller {
        self.admin.clone()
    }

    pub fn anonymous(&self) -> Caller {
        self.bearer("")
    }

    /// Whoever this credential stands for, if anybody.
    pub fn bearer(&self, token: &str) -> Caller {
        Caller::with(&self.admin.channel, token)
    }

    /// A user with a token and without a desk; their address is their name at example.com.
    pub async fn user(&self, name: &str, profile: &str) -> Caller {
        let user = User {
            name: Some(name.to_owned()),
            email: Some(format!("{}@example.com", name.to_lowercase())),
            profile_id: Some(self.profile_id(profile).await),
            ..User::default()
        };
        let user = self
            .admin
            .directory()
            .create_user(CreateUserRequest { user: Some(user), ..Default::default() })
            .await
            .unwrap();
        let user_id = user.into_inner().user.unwrap().id;
        self.bearer(&self.token(&user_id).await).introduced().await
    }

    pub async fn manager(&self, name: &str) -> Caller {
        self.user(name, "manager").await
    }

    pub async fn agent(&self, name: &str) -> Caller {
        self.user(name, "pre-sales").await
    }

    pub async fn administrator(&self, name: &str) -> Caller {
        self.user(name, "administrator").await
    }

    pub async fn profile_id(&self, name: &str) -> String {
        let request = ListProfilesRequest { page_size: 1000, ..ListProfilesRequest::default() };
        let profiles = self.admin.permissions().list_profiles(request).await.unwrap().into_inner().profiles;
        profiles.into_iter().find(|profile| profile.name() == name).unwrap_or_else(|| panic!("no profile {name}")).id
    }

    pub async fn create_profile(&self, profile: Profile) -> Profile {
        let request = CreateProfileRequest { profile: Some(profile), ..Default::default() };
        self.admin.permissions().create_profile(request).await.unwrap().into_inner().profile.unwrap()
    }

    /// Changes what is populated of a user.
    pub async fn update_user(&self, user: User) -> User {
        let request = UpdateUserRequest { user: Some(user), ..Default::default() };
        self.admin.directory().update_user(request).await.unwrap().into_inner().user.unwrap()
    }

    /// Refuses a user everywhere.
    pub async fn deactivate(&self, user: &Caller) {
        let request = DeactivateUserRequest { user_id: user.id.clone(), ..Default::default() };
        self.admin.directory().deactivate_user(request).await.unwrap();
    }

    /// Another token of a user.
    pub async fn token(&self, user_id: &str) -> String {
        let request = CreateApiTokenRequest { user_id: user_id.to_owned(), ..CreateApiTokenRequest::default() };
        self.admin.directory().create_api_token(request).await.unwrap().into_inner().secret
    }

    pub async fn group(&self, name: &str, members: &[&Caller]) -> String {
        let group = Group { name: Some(name.to_owned()), ..Group::default() };
        let made = self
            .admin
            .directory()
            .create_group(CreateGroupRequest { group: Some(group), ..Default::default() })
            .await
            .unwrap();
        let group_id = made.into_inner().group.unwrap().id;
        if !members.is_empty() {
            self.add_members(&group_id, members).await;
        }
        group_id
    }

    pub async fn add_members(&self, group_id: &str, members: &[&Caller]) {
        let user_ids = members.iter().map(|member| member.id.clone()).collect();
        let request = AddGroupMembersRequest { group_id: group_id.to_owned(), user_ids, ..Default::default() };
        self.admin.directory().add_group_members(request).await.unwrap();
    }

    /// A lead without an assignee.
    pub async fn lead(&self, name: &str) -> Lead {
        self.admin.create_lead(named(name)).await.unwrap()
    }

    pub async fn lead_of(&self, name: &str, agent: &Caller) -> Lead {
        self.admin.create_lead(Lead { assignee_id: agent.id.clone(), ..named(name) }).await.unwrap()
    }

    pub async fn lead_in(&self, name: &str, group_id: &str) -> Lead {
        self.admin.create_lead(Lead { group_id: Some(group_id.to_owned()), ..named(name) }).await.unwrap()
    }

    /// A lead of the kind CLIENT, without an assignee.
    pub async fn client(&self, name: &str) -> Lead {
        let results = self.admin.import(vec![client_row(name)]).await.unwrap();
        self.admin.get_lead(&results[0].lead_id).await.unwrap()
    }
}

impl Caller {
    /// Fills in who the caller is, as the service says.
    async fn introduced(self) -> Self {
        let me = self.directory().who_am_i(WhoAmIRequest {}).await.unwrap().into_inner().user.unwrap();
        Self { name: me.name().to_owned(), id: me.id, ..self }
    }
}
