//! Profiles: the built-in ones, and those of one's own.

use leadward::proto::{
    AccessLevel, Capability, CreateProfileRequest, DeleteProfileRequest, ErrorReason, GetProfileRequest, LeadAction,
    ListProfilesRequest, OrderVisibility, Profile, Role, UpdateProfileRequest,
};
use prost_types::FieldMask;
use tonic::Status;

use crate::support::{
    ACTIONS, Caller, TestServer, every_action, fact, on_both_databases, permission, profile, refused, seconds,
};

const CAPABILITIES: [Capability; 8] = [
    Capability::ConfigurePermissions,
    Capability::ManageDirectory,
    Capability::ManageLeadAccess,
    Capability::ManageSettings,
    Capability::ViewAllLeadsReport,
    Capability::ImportLeads,
    Capability::ActOnBehalf,
    Capability::ReadAudit,
];

async fn update(caller: &Caller, profile: Profile, mask: &[&str]) -> Result<Profile, Status> {
    let paths: Vec<_> = mask.iter().map(|path| (*path).to_owned()).collect();
    let update_mask = (!paths.is_empty()).then_some(FieldMask { paths });
    let request = UpdateProfileRequest { profile: Some(profile), update_mask, ..Default::default() };
    Ok(caller.permissions().update_profile(request).await?.into_inner().profile.unwrap())
}

async fn get(caller: &Caller, profile_id: &str) -> Result<Profile, Status> {
    let request = GetProfileRequest { profile_id: profile_id.to_owned() };
    Ok(caller.permissions().get_profile(request).await?.into_inner().profile.unwrap())
}

async fn delete(caller: &Caller, profile_id: &str, etag: &str) -> Result<(), Status> {
    let request =
        DeleteProfileRequest { profile_id: profile_id.to_owned(), etag: etag.to_owned(), ..Default::default() };
    caller.permissions().delete_profile(request).await.map(drop)
}

on_both_databases! {
    async fn the_built_in_profiles_have_the_defaults_of_the_contract(t: TestServer) {
        use AccessLevel::{Complete, Individual, None as Nothing};
        let works = [Individual, Individual, Nothing, Nothing, Nothing, Nothing, Individual, Nothing];
        let keeps = [Individual, Individual, Individual, Nothing, Nothing, Nothing, Individual, Nothing];
        let managers = [
            Capability::ConfigurePermissions,
            Capability::ViewAllLeadsReport,
            Capability::ImportLeads,
            Capability::ReadAudit,
        ];
        let managers = managers.map(i32::from).to_vec();
        let table = [
            ("administrator", Role::Administrator, [Complete; 8], CAPABILITIES.map(i32::from).to_vec(), None),
            ("manager", Role::Manager, [Complete; 8], managers, None),
            ("pre-sales", Role::Agent, works, vec![], None),
            ("leads-agent", Role::Agent, works, vec![], Some(3600)),
            ("account-manager", Role::Agent, keeps, vec![], None),
            ("retention", Role::Agent, keeps, vec![], None),
        ];
        let listed = t.admin().permissions().list_profiles(ListProfilesRequest::default()).await.unwrap();
        let listed = listed.into_inner().profiles;
        assert_eq!(listed.len(), table.len());
        for (actual, (name, role, levels, capabilities, grace)) in listed.into_iter().zip(table) {
            let partial = name == "leads-agent";
            let orders = if partial { OrderVisibility::PartialOnly } else { OrderVisibility::All };
            let expected = Profile {
                id: actual.id.clone(),
                built_in: true,
                permissions: ACTIONS.iter().zip(levels).map(|(action, level)| permission(*action, level)).collect(),
                capabilities,
                resolved_grace: grace.map(seconds),
                order_visibility: orders.into(),
                assign_partial_orders_only: Some(partial),
                etag: actual.etag.clone(),
                ..profile(name, role)
            };
            assert_eq!(actual, expected);
            assert_eq!(get(&t.admin(), &actual.id).await.unwrap(), actual);
        }
    }

    async fn a_profile_of_ones_own_has_none_where_it_says_nothing(t: TestServer) {
        let given = Profile {
            permissions: vec![permission(LeadAction::Retrieve, AccessLevel::Complete)],
            capabilities: vec![Capability::ImportLeads.into()],
            resolved_grace: Some(seconds(90)),
            max_open_leads: Some(40),
            built_in: true,
            ..profile("scouts", Role::Agent)
        };
        let made = t.create_profile(given.clone()).await;
        let mut permissions = every_action(AccessLevel::None);
        permissions[3] = given.permissions[0].clone();
        let expected = Profile {
            id: made.id.clone(),
            etag: made.etag.clone(),
            built_in: false,
            permissions,
            order_visibility: OrderVisibility::All.into(),
            assign_partial_orders_only: Some(false),
            ..given
        };
        assert_eq!(made, expected);
        assert_eq!(get(&t.admin(), &made.id).await.unwrap(), made);
    }

    async fn what_a_profile_says_of_orders_is_kept_until_it_says_otherwise(t: TestServer) {
        let partial = Profile {
            order_visibility: OrderVisibility::PartialOnly.into(),
            assign_partial_orders_only: Some(true),
            ..profile("scouts", Role::Agent)
        };
        let made = t.create_profile(partial).await;
        let said = |profile: &Profile| (profile.order_visibility(), profile.assign_partial_orders_only);
        assert_eq!(said(&made), (OrderVisibility::PartialOnly, Some(true)));
        assert_eq!(get(&t.admin(), &made.id).await.unwrap(), made);

        let change = Profile { id: made.id.clone(), ..Profile::default() };
        let limited = Profile { max_open_leads: Some(40), ..change.clone() };
        let limited = update(&t.admin(), limited, &[]).await.unwrap();
        assert_eq!(said(&limited), (OrderVisibility::PartialOnly, Some(true)));

        let all = Profile { order_visibility: OrderVisibility::All.into(), ..change.clone() };
        let all = update(&t.admin(), all, &[]).await.unwrap();
        assert_eq!(said(&all), (OrderVisibility::All, Some(true)));
        let back = Profile {
            order_visibility: OrderVisibility::PartialOnly.into(),
            assign_partial_orders_only: Some(false),
            ..change.clone()
        };
        let back = update(&t.admin(), back, &["order_visibility"]).await.unwrap();
        assert_eq!(said(&back), (OrderVisibility::PartialOnly, Some(true)));
        let bare = update(&t.admin(), change, &["order_visibility", "assign_partial_orders_only"]).await.unwrap();
        assert_eq!(said(&bare), (OrderVisibility::All, Some(false)));
        assert_eq!(get(&t.admin(), &made.id).await.unwrap(), bare);
    }

    async fn a_profiles_change_holds_for_all_its_users_at_once(t: TestServer) {
        let (ana, ben, lead) = (t.agent("ana").await, t.agent("ben").await, t.lead("lead").await);
        let own = permission(LeadAction::View, AccessLevel::Individual);
        t.admin().set_permission(&ben, own).await.unwrap();
        let id = t.profile_id("pre-sales").await;
        let before = get(&t.admin(), &id).await.unwrap();

        let permissions = vec![permission(LeadAction::View, AccessLevel::Complete)];
        let wider = Profile { id, permissions: permissions.clone(), ..Profile::default() };
        let request = UpdateProfileRequest { profile: Some(wider.clone()), validate_only: true, ..Default::default() };
        let dry = t.admin().permissions().update_profile(request).await.unwrap().into_inner().profile.unwrap();
        assert_eq!(dry.permissions[0], permissions[0]);
        refused(ana.get_lead(&lead.id).await, ErrorReason::LeadNotFound);

        let after = update(&t.admin(), wider, &[]).await.unwrap();
        assert_eq!((&after.permissions[0], &after.permissions[1..]), (&permissions[0], &before.permissions[1..]));
        ana.get_lead(&lead.id).await.unwrap();
        refused(ben.get_lead(&lead.id).await, ErrorReason::LeadNotFound);
    }

    async fn a_mask_replaces_capabilities_and_clears_limits(t: TestServer) {
        let given = Profile {
            capabilities: vec![Capability::ImportLeads.into()],
            resolved_grace: Some(seconds(90)),
            max_open_leads: Some(40),
            ..profile("scouts", Role::Agent)
        };
        let made = t.create_profile(given).await;
        let change = Profile { id: made.id.clone(), ..Profile::default() };
        let mask = ["capabilities", "resolved_grace", "max_open_leads"];
        let bare = update(&t.admin(), change, &mask).await.unwrap();
        let expected = Profile {
            capabilities: vec![],
            resolved_grace: None,
            max_open_leads: None,
            etag: bare.etag.clone(),
            ..made.clone()
        };
        assert_eq!(bare, expected);
        assert_ne!(bare.etag, made.etag);
    }

    async fn built_in_profiles_stay_and_the_administrators_stays_as_it_is(t: TestServer) {
        for name in ["administrator", "manager", "pre-sales", "leads-agent", "account-manager", "retention"] {
            let id = t.profile_id(name).await;
            refused(delete(&t.admin(), &id, "").await, ErrorReason::Fixed);
            let renamed = Profile { id, name: Some("renamed".to_owned()), ..Profile::default() };
            refused(update(&t.admin(), renamed, &[]).await, ErrorReason::Fixed);
        }
        let id = t.profile_id("administrator").await;
        let change = Profile { id, max_open_leads: Some(1), ..Profile::default() };
        refused(update(&t.admin(), change, &[]).await, ErrorReason::Fixed);
    }

    async fn a_profile_in_use_stays(t: TestServer) {
        let made = t.create_profile(profile("scouts", Role::Agent)).await;
        let unused = t.create_profile(profile("unused", Role::Agent)).await;
        t.user("ana", "scouts").await;
        let status = refused(delete(&t.admin(), &made.id, "").await, ErrorReason::InUse);
        assert_eq!(fact(&status, "used_by"), "users");
        delete(&t.admin(), &unused.id, &unused.etag).await.unwrap();
        refused(get(&t.admin(), &unused.id).await, ErrorReason::ResourceNotFound);
    }

    async fn a_profiles_name_is_taken_whatever_its_case(t: TestServer) {
        let request =
            |name: &str| CreateProfileRequest { profile: Some(profile(name, Role::Agent)), ..Default::default() };
        let taken = t.admin().permissions().create_profile(request("PRE-Sales")).await;
        refused(taken, ErrorReason::DuplicateResource);
        let made = t.create_profile(profile("scouts", Role::Agent)).await;
        let renamed = Profile { id: made.id, name: Some("Manager".to_owned()), ..Profile::default() };
        refused(update(&t.admin(), renamed, &[]).await, ErrorReason::DuplicateResource);
    }

    async fn a_stale_etag_of_a_profile_aborts_its_change_and_its_end(t: TestServer) {
        let old = t.create_profile(profile("scouts", Role::Agent)).await;
        let change = |limit| Profile { max_open_leads: Some(limit), etag: old.etag.clone(), ..old.clone() };
        let new = update(&t.admin(), change(1), &["max_open_leads"]).await.unwrap();
        let status = refused(update(&t.admin(), change(2), &["max_open_leads"]).await, ErrorReason::StaleEtag);
        assert_eq!(fact(&status, "current_etag"), new.etag);
        refused(delete(&t.admin(), &old.id, &old.etag).await, ErrorReason::StaleEtag);
    }

    async fn agents_read_their_own_profile_only(t: TestServer) {
        let ana = t.agent("ana").await;
        get(&ana, &t.profile_id("pre-sales").await).await.unwrap();
        refused(get(&ana, &t.profile_id("manager").await).await, ErrorReason::CapabilityRequired);
        let all = ana.permissions().list_profiles(ListProfilesRequest::default()).await;
        refused(all, ErrorReason::CapabilityRequired);
    }
}
