//! What holds for the whole service.

use leadward::proto::{ErrorReason, GetSettingsRequest, RevocationPolicy, Settings, UpdateSettingsRequest};
use prost_types::FieldMask;
use tonic::Status;

use crate::support::{Caller, TestServer, fact, faults, on_both_databases, refused, seconds};

async fn get(caller: &Caller) -> Result<Settings, Status> {
    Ok(caller.permissions().get_settings(GetSettingsRequest {}).await?.into_inner().settings.unwrap())
}

async fn update(caller: &Caller, settings: Settings, mask: &[&str]) -> Result<Settings, Status> {
    let paths: Vec<_> = mask.iter().map(|path| (*path).to_owned()).collect();
    let update_mask = (!paths.is_empty()).then_some(FieldMask { paths });
    let request = UpdateSettingsRequest { settings: Some(settings), update_mask, ..Default::default() };
    Ok(caller.permissions().update_settings(request).await?.into_inner().settings.unwrap())
}

on_both_databases! {
    async fn a_new_service_revokes_and_heeds_desks_and_completed_orders(t: TestServer) {
        let settings = get(&t.admin()).await.unwrap();
        assert_eq!((settings.revocation_policy(), settings.enforce_desks), (RevocationPolicy::Revoke, Some(true)));
        assert_eq!(settings.resolve_on_completed_order, Some(true));
        assert!(settings.update_time.is_some() && !settings.etag.is_empty());
    }

    async fn a_change_leaves_what_it_does_not_say(t: TestServer) {
        let before = get(&t.admin()).await.unwrap();
        let change = Settings { enforce_desks: Some(false), ..Settings::default() };
        let after = update(&t.admin(), change, &[]).await.unwrap();
        let (etag, update_time) = (after.etag.clone(), after.update_time);
        assert_ne!(etag, before.etag);
        assert_eq!(after, Settings { enforce_desks: Some(false), etag, update_time, ..before });

        let both = Settings {
            revocation_policy: RevocationPolicy::KeepUntil.into(),
            keep_duration: Some(seconds(60)),
            enforce_desks: Some(true),
            ..Settings::default()
        };
        let masked = update(&t.admin(), both, &["revocation_policy", "keep_duration"]).await.unwrap();
        let policy = (masked.revocation_policy(), masked.keep_duration, masked.enforce_desks);
        assert_eq!(policy, (RevocationPolicy::KeepUntil, Some(seconds(60)), Some(false)));
        assert_eq!(get(&t.admin()).await.unwrap(), masked);
    }

    async fn completed_orders_can_be_left_alone(t: TestServer) {
        let before = get(&t.admin()).await.unwrap();
        let off = Settings { resolve_on_completed_order: Some(false), ..Settings::default() };
        let after = update(&t.admin(), off.clone(), &[]).await.unwrap();
        let (etag, update_time) = (after.etag.clone(), after.update_time);
        assert_ne!(etag, before.etag);
        assert_eq!(after, Settings { resolve_on_completed_order: Some(false), etag, update_time, ..before });
        assert_eq!(get(&t.admin()).await.unwrap(), after);

        let on = Settings { resolve_on_completed_order: Some(true), ..Settings::default() };
        let unnamed = update(&t.admin(), on.clone(), &["enforce_desks"]).await.unwrap();
        assert_eq!(unnamed.resolve_on_completed_order, Some(false));
        let named = update(&t.admin(), on, &["resolve_on_completed_order"]).await.unwrap();
        assert_eq!(named.resolve_on_completed_order, Some(true));
        update(&t.admin(), off, &[]).await.unwrap();
        let cleared = update(&t.admin(), Settings::default(), &["resolve_on_completed_order"]).await.unwrap();
        assert_eq!(cleared.resolve_on_completed_order, Some(true), "the default");
    }

    async fn a_mask_names_settings_that_exist(t: TestServer) {
        let before = get(&t.admin()).await.unwrap();
        for path in ["policy", "etag", "update_time"] {
            let change = Settings { enforce_desks: Some(false), ..Settings::default() };
            let answer = update(&t.admin(), change, &["enforce_desks", path]).await;
            assert_eq!(faults(&refused(answer, ErrorReason::InvalidArgument)), ["update_mask"], "{path}");
        }
        assert_eq!(get(&t.admin()).await.unwrap(), before);
    }

    async fn a_stale_etag_of_the_settings_aborts_their_change(t: TestServer) {
        let old = get(&t.admin()).await.unwrap();
        let change = |on| Settings { enforce_desks: Some(on), etag: old.etag.clone(), ..Settings::default() };
        let new = update(&t.admin(), change(false), &[]).await.unwrap();
        let status = refused(update(&t.admin(), change(true), &[]).await, ErrorReason::StaleEtag);
        assert_eq!(fact(&status, "current_etag"), new.etag);
        assert_eq!(get(&t.admin()).await.unwrap(), new);
    }

    async fn managers_read_the_settings_and_administrators_change_them(t: TestServer) {
        let (mia, ana) = (t.manager("mia").await, t.agent("ana").await);
        get(&mia).await.unwrap();
        refused(get(&ana).await, ErrorReason::CapabilityRequired);
        for caller in [&mia, &ana] {
            let change = Settings { enforce_desks: Some(false), ..Settings::default() };
            let status = refused(update(caller, change, &[]).await, ErrorReason::CapabilityRequired);
            assert_eq!(fact(&status, "capability"), "MANAGE_SETTINGS");
        }
    }
}
