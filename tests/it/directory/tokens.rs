//! API tokens.

use std::time::Duration;

use leadward::proto::{
    ApiToken, CreateApiTokenRequest, CreateApiTokenResponse, ErrorReason, ListApiTokensRequest, RevokeApiTokenRequest,
    WhoAmIRequest,
};
use tonic::{Request, Status};

use super::deactivate;
use crate::support::{Caller, TestServer, answer, database_rows, faults, on_both_databases, refused, seconds_from_now};

async fn create(caller: &Caller, user: &Caller, expire_seconds: Option<u64>) -> CreateApiTokenResponse {
    let request = CreateApiTokenRequest {
        user_id: user.id.clone(),
        label: "laptop".to_owned(),
        expire_time: expire_seconds.map(seconds_from_now),
        ..Default::default()
    };
    caller.directory().create_api_token(request).await.unwrap().into_inner()
}

async fn list(caller: &Caller, user: &Caller) -> Result<Vec<ApiToken>, Status> {
    let request = ListApiTokensRequest { user_id: user.id.clone(), ..ListApiTokensRequest::default() };
    Ok(caller.directory().list_api_tokens(request).await?.into_inner().api_tokens)
}

async fn revoke(caller: &Caller, token: &ApiToken) -> Result<ApiToken, Status> {
    let request = RevokeApiTokenRequest { api_token_id: token.id.clone(), ..Default::default() };
    Ok(caller.directory().revoke_api_token(request).await?.into_inner().api_token.unwrap())
}

async fn who_am_i(caller: &Caller) -> Result<(), Status> {
    caller.directory().who_am_i(WhoAmIRequest {}).await.map(drop)
}

/// The token with another last character.
fn mistyped(token: &str) -> String {
    let (start, end) = token.split_at(token.len() - 1);
    format!("{start}{}", if end == "0" { "1" } else { "0" })
}

on_both_databases! {
    async fn a_token_is_shown_once_and_never_stored(t: TestServer) {
        let ana = t.agent("ana").await;
        let made = create(&t.admin(), &ana, None).await;
        let token = made.api_token.unwrap();
        assert!(made.secret.starts_with("lw_") && made.secret.len() > 40, "{} characters", made.secret.len());
        assert_eq!((&token.user_id, token.label.as_str()), (&ana.id, "laptop"));
        assert_eq!((token.expire_time, token.last_use_time, token.revoke_time), (None, None, None));
        who_am_i(&t.bearer(&made.secret)).await.unwrap();

        let listed = format!("{:?}", list(&ana, &ana).await.unwrap());
        assert!(listed.contains(&token.id) && !listed.contains(&made.secret[3..]));
        for row in database_rows(t.database_url()).await {
            assert!(!row.to_lowercase().contains(&made.secret[3..]), "{row}");
        }
    }

    /// Nothing tells a caller what was wrong with a credential.
    async fn every_bad_credential_gets_the_same_answer(t: TestServer) {
        let (ana, ben) = (t.agent("ana").await, t.agent("ben").await);
        let (ended, expired) = (create(&t.admin(), &ana, None).await, create(&t.admin(), &ana, Some(2)).await);
        for good in [&ended, &expired] {
            who_am_i(&t.bearer(&good.secret)).await.unwrap();
        }
        let revoked = revoke(&t.admin(), &ended.api_token.unwrap()).await.unwrap();
        assert!(revoked.revoke_time.is_some());
        deactivate(&t.admin(), &ben.id).await.unwrap();
        tokio::time::sleep(Duration::from_millis(2200)).await;

        let expected = answer(&refused(who_am_i(&t.anonymous()).await, ErrorReason::NotAuthenticated));
        let stranger = format!("lw_{}", "0".repeat(ana.token.len() - 3));
        let bad = [
            ended.secret,
            expired.secret,
            ben.token,
            mistyped(&ana.token),
            stranger,
            "lw_".to_owned(),
            "garbage".to_owned(),
            ana.token.to_uppercase(),
            format!("{}0", ana.token),
        ];
        for token in bad {
            let status = refused(who_am_i(&t.bearer(&token)).await, ErrorReason::NotAuthenticated);
            assert_eq!(answer(&status), expected, "{token}");
        }
        for header in [ana.token.clone(), format!("Basic {}", ana.token), "Bearer".to_owned(), String::new()] {
            let mut request = Request::new(WhoAmIRequest {});
            request.metadata_mut().insert("authorization", header.parse().unwrap());
            let status = refused(t.anonymous().directory().who_am_i(request).await, ErrorReason::NotAuthenticated);
            assert_eq!(answer(&status), expected, "{header}");
        }
        who_am_i(&ana).await.unwrap();
    }

    async fn a_tokens_last_use_is_kept(t: TestServer) {
        let ana = t.agent("ana").await;
        let made = create(&t.admin(), &ana, None).await;
        let id = made.api_token.unwrap().id;
        who_am_i(&t.bearer(&made.secret)).await.unwrap();
        // It is noted beside the call, not before its answer.
        for _ in 0..100 {
            let tokens = list(&t.admin(), &ana).await.unwrap();
            let used = tokens.iter().find(|token| token.id == id).unwrap();
            if let Some(time) = used.last_use_time {
                assert!(time.seconds >= used.create_time.unwrap().seconds - 60);
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the use of the token is not noted");
    }

    async fn everyone_lists_and_ends_their_own_tokens_only(t: TestServer) {
        let (ana, ben) = (t.agent("ana").await, t.agent("ben").await);
        let (own, others) = (list(&ana, &ana).await.unwrap(), list(&ben, &ben).await.unwrap());
        assert_eq!((own.len(), others.len()), (1, 1));
        refused(list(&ana, &ben).await, ErrorReason::CapabilityRequired);
        revoke(&ana, &others[0]).await.unwrap_err();
        who_am_i(&ben).await.unwrap();

        revoke(&ana, &own[0]).await.unwrap();
        refused(who_am_i(&ana).await, ErrorReason::NotAuthenticated);
        let ended = list(&t.admin(), &ana).await.unwrap();
        assert!(ended.len() == 1 && ended[0].revoke_time.is_some());
        revoke(&t.admin(), &others[0]).await.unwrap();
        refused(who_am_i(&ben).await, ErrorReason::NotAuthenticated);
    }

    async fn a_token_ends_in_the_future(t: TestServer) {
        let ana = t.agent("ana").await;
        let expire_time = Some(seconds_from_now(0));
        let request = CreateApiTokenRequest { user_id: ana.id, expire_time, ..Default::default() };
        let status = refused(t.admin().directory().create_api_token(request).await, ErrorReason::InvalidArgument);
        assert_eq!(faults(&status), ["expire_time"]);
    }
}
